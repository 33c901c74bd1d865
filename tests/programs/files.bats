# SPDX-License-Identifier: MIT
# files: programs that copy, move, change, read and remove files do to keys what they do to files on the host.

setup() {
	load ../helpers
	load helpers
	make_store
	start_daemon
	mkdir "$PUB/s"
	echo value >"$PUB/s/k"
}

teardown() {
	finish
}

@test "as on the host: cp" {
	alike -t 'cp -p s/k s/c; cp -a s/k t; cp -a s u; touch -d 2002-01-01 s u t'
	alike 'cp s/k s/c; umask 077; cp s/k s/private; cp -r s v; cp --preserve=mode s/k t/'
	alike 'echo old >t/k; cp -b s/k t/k; cp -n s/k t/k; cp -u t/k s/k; cp --remove-destination s/k t/k'
	alike 'echo old >t/k; chmod 0 t/k; cp -f s/k t/k; cp --attributes-only --preserve=mode t/k s/k'
	alike 'cp s t; echo $?; cp s/k s/k; echo $?; cp s/none t; echo $?; cp -T s/k t; echo $?; cp s/k nowhere/k'
	alike 'truncate -s 300000 s/k; cp --sparse=always s/k t; cp --sparse=never s/k t/n; cp --reflink=auto s/k t/r'
	alike 'cp s/k t >/dev/full; cp /dev/null s/k; cp /etc/passwd /etc/group t; cp t/* s'
}

@test "as on the host: mv" {
	alike -t 'mv s/k s/n; mv s u; touch -d 2002-01-01 t u'
	alike -t 'mv s/k t/; mv t/k t/x; touch -d 2002-01-01 s t'
	alike -t 'chmod 640 s/k; mv s/k "$in.k"; mv "$in.k" s/back; touch -d 2002-01-01 s t'
	alike 'echo new >s/n; mv -n s/n s/k; mv -b s/n s/k; mv -u s/k s/x; mv -f s/x s/k'
	alike 'mv -T s t; mv t s; mv s/k s/k; echo $?; mv s/none t; echo $?; mv s s; echo $?'
	alike 'echo x >t/k; mv -T s t; echo $?; mv s/k t; cat t/k'
	alike 'mv s "$in.moved"; cat "$in.moved/k"; mv "$in.moved" v'
	alike -t 'chown 20001:20002 s/k; chmod 604 s/k; mv s/k t/k; touch -d 2002-01-01 s t'
}

@test "as on the host: install" {
	echo new >"$SFS/in"
	alike 'install "$in" s/a; install -m 600 "$in" s/b; install -m 0 "$in" s/c; install -m u=rw,g=r "$in" s/k'
	alike 'install -o 20001 -g 20002 -m 640 "$in" s/a; install -D "$in" s/b; install -b -S .old "$in" s/k'
	alike -t 'touch -d 2003-03-03 "$in"; install -p "$in" s/k; install -C -p "$in" s/k; touch -d 2002-01-01 s t'
	alike 'install -d -m 700 u; install -d -o 20001 v s; install -t s "$in"; install "$in" none/k; echo $?'
}

@test "as on the host: tee and redirections" {
	alike 'echo a | tee s/k s/l; echo b | tee -a s/k s/m; tee s/e </dev/null; echo x | tee s t; echo $?'
	alike 'echo a >s/k; echo b >>s/k; cat s/k - >t/k <<<c; : >s/e; set -C; echo x >s/k; echo $?; echo x >|s/k'
	alike 'exec 5<>s/k; read -u 5 line; echo "$line"; echo FIRST >&5; exec 5>&-; cat s/k'
	alike '{ echo a; (echo b); bash -c "echo c"; echo d; } >s/k; cat s/k'
	alike 'sort -r -o s/k s/k; cat s/k; split -n l/2 s/k s/x; shuf -n 1 -e one -o s/one; cut -c 1-3 s/k >s/cut'
}

@test "as on the host: dd and truncate" {
	alike 'printf XX | dd of=s/k bs=1 seek=3 conv=notrunc status=none; cat s/k'
	alike 'printf XX | dd of=s/k bs=1 seek=3 status=none; printf YY | dd of=s/k oflag=append conv=notrunc status=none; cat s/k'
	alike 'printf XX | dd of=s/k bs=1 seek=9000 conv=notrunc,fsync status=none; printf Z | dd of=s/n bs=1 seek=5000 status=none'
	alike 'dd if=s/k of=t/k bs=7 skip=1 count=2 iflag=fullblock status=none; dd if=s/k of=s/k bs=1 count=0 seek=4 status=none'
	alike 'dd if=/dev/zero of=s/k bs=64k count=3 conv=sparse status=none; dd if=s/k bs=64k 2>&1 >/dev/null | head -n 2'
	alike 'dd if=/dev/null of=s/k conv=excl status=none; echo $?; dd of=s/none conv=nocreat,notrunc status=none; echo $?'
	alike 'dd if=s/k of=t/k conv=swab,fdatasync oflag=dsync status=none; dd if=s/k of=t/sync oflag=sync status=none'
	alike 'truncate -s 5 s/k; truncate -s +10 s/k; truncate -s 100000 t/n; truncate -c -s 1 s/none; truncate -r s/k t/r'
}

@test "as on the host: sed -i, perl -i, gzip, shred, patch" {
	alike 'chmod 640 s/k; chown 20001:20002 s/k; sed -i s/first/1st/ s/k; sed -i.bak -e 1d s/k; sed -n 2p s/k'
	alike 'sed -i "s/x*/y/" s/none; echo $?; sed -i d s/k; sed -i s/a/b/ s; echo $?; sed -i -e "\$a end" s/k'
	alike 'perl -pi -e s/first/1st/ s/k; perl -pi.orig -e "s/line/LINE/" s/k; perl -ne "print if eof" s/k'
	alike -t 'gzip -n s/k; gzip -dk s/k.gz; zcat s/k.gz >t/z; rm s/k.gz; touch -d 2002-01-01 s t t/*'
	alike 'shred s/k && truncate -s 0 s/k; echo x >s/gone; shred -u s/gone; ls -A s'
	! command -v patch >/dev/null ||
		alike 'printf "%s\n" "--- a" "+++ b" "@@ -1,2 +1,2 @@" "-first line" "+1st line" " second line" >"$in.p"; patch -b s/k "$in.p"'
}

@test "as on the host: modes, owners, times, removing" {
	alike -t 'chmod -R u=rwX,go= s; chown -R 20001:20002 s; touch -r s/k t s; touch -d 2010-10-10 s/k; touch -m -d 2011-11-11 s/k; touch -c s/none'
	alike 'chmod a=,u+r,+x s/k; stat -c %A s/k; chmod --reference=s/k s; chgrp 20001 t; chmod 1777 t; stat -c %A t'
	alike 'touch s/a s/b; rm s/a; rm s/a; echo $?; rm -f s/none; rmdir s; echo $?; rm s; echo $?; rm -r s; rmdir t; ls -A; rm -d none; echo $?'
	alike 'ls -A s t; cd s; pwd -P | sed "s|.*/||"; ls -l --time-style=+%s k; stat -c "%n %F %a %u %g %s %h" k; wc k; file -b k; test -w k; echo $?'
	alike 'f=$(mktemp -p s k.XXXXXX); stat -c "%a %s" "$f"; rm "$f"; d=$(mktemp -d -p .); stat -c %a "$d"; rmdir "$d"; ls -A s'
	alike 'exec 5<s/k; rm s/k; cat <&5; ls -A s; echo new >s/k; cat s/k'
}

@test "as on the host: loops and readers" {
	printf 'a,1\nb,2\n' >"$SFS/in"
	alike 'n=0; while IFS= read -r line; do n=$((n + 1)); echo "$n $line"; done <s/k; mapfile -t a <s/k; echo "${#a[@]} ${a[2]}"'
	alike 'echo "A=1; B=\"two words\"" >s/env; . ./s/env; echo "$A $B"; echo "echo run \$1" >s/sh; sh s/sh arg; xargs -n 1 <s/k; xargs -a s/k echo'
	alike 'while read -r w; do echo "$w" >>t/words; done < <(tr " " "\n" <s/k); sort -u t/words; paste s/k t/words; comm s/k t/words; join s/k s/k'
	alike 'cp "$in" s/csv; printf "%s\n" ".mode csv" "CREATE TABLE x(a, b);" ".import s/csv x" "SELECT sum(b) FROM x;" | sqlite3; sqlite3 -csv :memory: ".import s/csv y" "SELECT * FROM y"'
	alike 'head -c 4 s/k; tail -c 5 s/k; tail -n 1 s/k; tac s/k; od -c s/k; base64 s/k; md5sum s/k; awk "{ print NR, \$1 }" s/k; cmp s/k s/k; cmp s/k /dev/null'
	alike 'dash -c "while read -r a b; do echo \$b \$a; done <s/k"; busybox cat s/k; busybox wc s/k; busybox sed -i s/first/x/ s/k; busybox cp -a s u; busybox mv u/k u/l'
}

@test "as on the host: find, grep -r, diff -r, sha256sum" {
	alike 'echo x >t/a; chmod 600 t/a; : >t/e; find . -type f | sort; find . -empty | sort; find . -perm 600; find . -type f -size +2c | sort; find s -newer t/a'
	alike 'echo x >t/a; find . -maxdepth 1 -type d | sort; find . -depth | sort; find s -type f -exec cat {} +; find . -name k -printf "%P %s %m %TY\n"; find . -samefile s/k; find . -name a -delete; find . -links 1 -type f'
	alike 'cp s/k t/b; grep -r second . | sort; grep -rc line . | sort; grep -rl first s; grep -rL first . ; echo $?; grep -rn none .; echo $?; grep -q third s/k; echo $?'
	alike 'cp s/k t/k; diff -r s t; echo $?; echo more >>t/k; diff -r s t; echo $?; : >s/only; diff -rq s t; echo $?; diff -u /dev/null s/only; diff s t/k'
	alike 'cp s/k t/k; sha256sum s/* t/* | tee "$in.sums"; sha256sum -c "$in.sums"; echo x >>s/k; sha256sum -c "$in.sums"; b2sum s/k; cksum s/k'
	mkdir -p "$PUB/s"
	cp -a "$PUB" "$SFS/copy"
	same "" "$(diff -r "$PUB" "$SFS/copy")"
}

@test "as on the host: du, and df" {
	alike 'truncate -s 70000 t/n; du -b s/k t/n; du -ab --max-depth=1 t/n; du -b --total s/k t/n | tail -n 1; du -b none; echo $?; stat -c %s t/n'
	du -s "$MNT" >/dev/null
	# Blocks are of 512 bytes, and a file has no fewer than its size needs.
	same 1 "$(($(stat -c %b "$PUB/t/n") * 512 >= 70000))"
	same "$MNT" "$(df --output=target "$PUB/s/k" | tail -n 1)"
	same fuse.secretfs "$(df --output=fstype "$MNT" | tail -n 1)"
	df -h "$MNT" >/dev/null
	df -i "$MNT" >/dev/null
	read -r size used avail <<<"$(df -B1 --output=size,used,avail "$MNT" | tail -n 1)"
	[ "$size" -gt 0 ] && [ "$avail" -gt 0 ] && [ "$used" -lt "$size" ] && [ "$avail" -le "$size" ]
	same 255 "$(stat -f -c %l "$PUB")"
}

@test "as on the host: tar" {
	alike -t 'echo b >t/b; chmod 640 s/k; chown 20001:20002 t/b; touch -d 2002-02-02 t/b; tar -cf "$in.tar" s t; rm -r s t; tar -xpf "$in.tar"; tar -df "$in.tar"; touch -d 2002-01-01 s t'
	alike 'tar -czf "$in.tgz" s; echo changed >s/k; tar -xzf "$in.tgz"; cat s/k; tar -xzf "$in.tgz" -O s/k; tar -tzf "$in.tgz"; tar -xkzf "$in.tgz"; echo $?'
	alike 'tar -cf t/a.tar s/k; cp s/k s/l; tar -rf t/a.tar s/l; tar -tf t/a.tar; tar --delete -f t/a.tar s/k; tar -tf t/a.tar; tar -xf t/a.tar -C t --strip-components=1; cat t/l'
	alike 'cp s/k t/a; tar -C s -cf - k | tar -C t -xf -; tar -C t -cf - --exclude=a . | tar -C s -xf - --overwrite; tar -cf - . | tar -tf - | sort'
}

@test "as on the host: rsync" {
	need rsync
	alike -t 'chmod 640 s/k; chown 20001:20002 s/k; rsync -a s/ u; rsync -a s/ t/; rsync -a "$PWD/t" "$in.r"; cat "$in.r/t/k"; rsync -a "$in.r/t/" v; rm -r "$in.r"; touch -d 2002-01-01 s t u v'
	alike 'rsync -a s/ u; echo gone >u/x; echo changed >s/k; rsync -a --delete -O --out-format="%o %n" s/ u; rsync -aO --out-format="%o %n" s/ u; cat u/k'
	alike 'rsync -a s/ u; echo more >>s/k; rsync -a --inplace s/ u; echo more >>s/k; rsync -a --append s/ u; rsync -ac s/ u; rsync -a --backup --suffix=.o s/ t; ls -A u t'
	alike 'rsync -rlt --chmod=F600,D700 s/ u; rsync -an --out-format="%n" s/ t; rsync -a --remove-source-files s/ t; ls -A s t; rsync s/none t 2>/dev/null; echo $?'
	alike 'rsync -aAH s/ u; rsync -aA --numeric-ids u/ t; rsync -a --whole-file --no-whole-file --checksum u/k s/c; rsync -aW --partial u/ s'
}

@test "ACLs and xattrs: mv, cp, rsync and tar take ACLs along and do not complain" {
	need rsync
	chmod 640 "$PUB/s/k"
	setfacl -m u:"$ALICE":r "$PUB/s/k"
	acl=$(getfacl -cpn "$PUB/s/k")
	says 0 "" mv s/k "$SFS/k"
	same "$acl" "$(getfacl -cpn "$SFS/k")"
	says 0 "" mv "$SFS/k" s/back
	same "$acl" "$(getfacl -cpn "$PUB/s/back")"
	mkdir "$PUB/t"
	says 0 "" mv s/back t/k
	same "$acl" "$(getfacl -cpn "$PUB/t/k")"
	says 0 "" cp -a t "$SFS/copy"
	same "$acl" "$(getfacl -cpn "$SFS/copy/k")"
	says 0 "" cp -a "$SFS/copy" v
	same "$acl" "$(getfacl -cpn "$PUB/v/k")"
	says 0 "" cp --preserve=mode,timestamps,ownership t/k s/c
	same "$acl" "$(getfacl -cpn "$PUB/s/c")"
	says 0 "" rsync -aA t/ u
	same "$acl" "$(getfacl -cpn "$PUB/u/k")"
	says 0 "" tar --acls -cf "$SFS/acl.tar" u
	rm -r "$PUB/u"
	says 0 "" tar --acls -xpf "$SFS/acl.tar"
	same "$acl" "$(getfacl -cpn "$PUB/u/k")"
}

@test "large values: cp, tar and cmp, out and in" {
	head -c 1048576 /dev/urandom >"$PUB/s/big"
	cp -a "$PUB/s" "$SFS/copy"
	cmp "$PUB/s/big" "$SFS/copy/big"
	tar -C "$PUB" -cf "$SFS/tar" s
	rm -r "$PUB/s"
	tar -C "$PUB" -xpf "$SFS/tar"
	tar -C "$PUB" -df "$SFS/tar"
	cmp "$PUB/s/big" "$SFS/copy/big"
}

@test "programs that walk the whole tree meet no loop and no error" {
	mkdir "$PUB/t"
	echo "has needle" >"$PUB/t/k"
	# Two folders of one inode number would look like a loop to these.
	same "" "$(find "$MNT" 2>&1 >/dev/null)"
	same "" "$(ls -R "$MNT" 2>&1 >/dev/null)"
	same "" "$(du -a "$MNT" 2>&1 >/dev/null)"
	same "$PUB/t/k:has needle" "$(grep -r needle "$MNT")"
	same "$PUB/t/k" "$(find "$MNT" -type f -size 11c)"
	ln -s "$PUB/t/k" "$SFS/link"
	same "has needle" "$(cat "$SFS/link")"
}
