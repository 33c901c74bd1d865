# SPDX-License-Identifier: MIT
# servers: real ones, on loopback, with their keys, certificates and passwords in the tree.
#
# They and their clients run in a mount and a network namespace of the test: its loopback device has all ports free, in
# its /etc the uids of the tests are users that can log in, and the tree is at /mnt, because sshd wants all folders above a
# key to be root's, which those below /tmp are not.

setup() {
	load ../helpers
	load helpers
	make_store
	start_daemon
	PORT=4433
	SERVERS=()
	mkdir -m 700 "$SFS/home"
	chown "$ALICE:$ALICE" "$SFS/home"
}

teardown() {
	for pid in "${SERVERS[@]}" ${HOLDER:-}; do
		kill "$pid" 2>/dev/null || true
	done
	for pid in "${SERVERS[@]}" ${HOLDER:-}; do
		eventually 20 not kill -0 "$pid" 2>/dev/null || kill -9 "$pid" 2>/dev/null || true
	done
	finish
}

# make_inside: the namespaces. INSIDE and ALICE_INSIDE are prefixes and not functions, because what runs in the background
# must be the server itself. The one who holds them goes by itself after ten minutes.
make_inside() {
	unshare -m -n --propagation slave sh -c '
		{ cat /etc/passwd; echo "alice:x:20001:20001::$SFS/home:/bin/sh"; } >"$SFS/passwd" &&
		(umask 077; { cat /etc/shadow; echo "alice:*:19000:0:99999:7:::"; } >"$SFS/shadow") &&
		mount --bind "$SFS/passwd" /etc/passwd && mount --bind "$SFS/shadow" /etc/shadow &&
		mount --bind "$MNT" /mnt && mount -t tmpfs -o mode=755 none /run && mkdir /run/sshd &&
		exec "$0" -c "import fcntl, os, signal, socket, struct
fcntl.ioctl(socket.socket(), 0x8914, struct.pack(\"16sH14x\", b\"lo\", 1)) # SIOCSIFFLAGS, IFF_UP
open(os.environ[\"SFS\"] + \"/inside\", \"w\").close()
signal.alarm(600)
signal.pause()"' "$PYTHON" 2>"$SFS/why" 3>&- &
	HOLDER=$!
	eventually 20 eval '[ -e "$SFS/inside" ] || ! kill -0 $HOLDER 2>/dev/null'
	[ -e "$SFS/inside" ] || skip "no mount and network namespaces here: $(head -n 1 "$SFS/why")"
	INSIDE=(nsenter -t "$HOLDER" -m -n)
	ALICE_INSIDE=("${INSIDE[@]}" setpriv --reuid="$ALICE" --regid="$ALICE" --clear-groups env HOME="$SFS/home")
}

inside() {
	"${INSIDE[@]}" "$@"
}

# as_alice CMD...: inside.
as_alice() {
	"${ALICE_INSIDE[@]}" "$@"
}

# serve COMMAND...: a server that runs till the end of the test; SERVER is its process. It listens when this returns.
serve() {
	"$@" >>"$LOG" 2>&1 3>&- &
	SERVER=$!
	SERVERS+=("$SERVER")
	eventually 30 eval 'listens || ! kill -0 $SERVER 2>/dev/null'
	kill -0 "$SERVER"
}

listens() {
	inside bash -c ': <"/dev/tcp/127.0.0.1/$0"' "$PORT" 2>/dev/null
}

# make_pair DIR NAME: DIR/key (0600) and DIR/cert for localhost.
make_pair() {
	mkdir -p "$1"
	(umask 077 && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "/CN=$2" \
		-addext 'subjectAltName=DNS:localhost,IP:127.0.0.1' -keyout "$1/key" -out "$1/cert" 2>/dev/null)
}

served_name() {
	inside openssl s_client -connect "127.0.0.1:$PORT" "$@" </dev/null 2>/dev/null | openssl x509 -noout -subject 2>/dev/null
}

serves() {
	local name=$1
	shift
	[ "$(served_name "$@")" = "subject=CN = $name" ]
}

# nginx_conf FOLDER-OF-KEYS DIRECTIVE: $SFS/www/nginx.conf
nginx_conf() {
	mkdir -p "$SFS/www/tmp"
	echo "a page" >"$SFS/www/index.html"
	cat >"$SFS/www/nginx.conf" <<-EOF
		daemon off;
		$2
		worker_processes 1;
		pid $SFS/www/nginx.pid;
		error_log $SFS/www/error.log;
		events { worker_connections 64; }
		http {
			access_log off;
			client_body_temp_path tmp/a; proxy_temp_path tmp/b; fastcgi_temp_path tmp/c; uwsgi_temp_path tmp/d; scgi_temp_path tmp/e;
			server {
				listen 127.0.0.1:$PORT ssl;
				ssl_certificate $1/cert;
				ssl_certificate_key $1/key;
				root $SFS/www;
			}
		}
	EOF
}

# page CERT: soon, because a server that reloads has workers of both kinds for a moment.
page() {
	eventually 30 page_is "$1"
}

page_is() {
	[ "$(inside curl -sS --cacert "$1" "https://localhost:$PORT/" --resolve "localhost:$PORT:127.0.0.1" 2>/dev/null)" = "a page" ]
}

@test "nginx: key and certificate from a public secret, replaced and reloaded" {
	need nginx
	need curl
	need openssl
	make_inside
	nginx=("${INSIDE[@]}" nginx -p "$SFS/www" -e "$SFS/www/error.log" -c "$SFS/www/nginx.conf")
	make_pair "$PUB/tls" first
	chmod 700 "$PUB/tls"
	nginx_conf "$PUB/tls" "user root;"
	serve "${nginx[@]}"
	page "$PUB/tls/cert"
	serves first
	# In place, as openssl and cp write.
	make_pair "$PUB/tls" second
	serves first
	"${nginx[@]}" -s reload 3>&-
	eventually 30 serves second
	page "$PUB/tls/cert"
	# By rename, key by key.
	make_pair "$SFS/new" third
	for key in key cert; do
		cp "$SFS/new/$key" "$PUB/tls/.$key.new"
		mv "$PUB/tls/.$key.new" "$PUB/tls/$key"
	done
	"${nginx[@]}" -s reload 3>&-
	eventually 30 serves third
	# Both in one transaction.
	make_pair "$SFS/new" fourth
	"$PYTHON" -c 'import json, sys
pair = {name: open(sys.argv[1] + "/" + name).read() for name in ("key", "cert")}
with open(sys.argv[2] + "/.json", "w") as f:
	json.dump(pair, f)' "$SFS/new" "$PUB/tls"
	"${nginx[@]}" -s reload 3>&-
	eventually 30 serves fourth
	page "$PUB/tls/cert"
	# A pair that does not match is refused, and the server goes on with what it has.
	cp "$PUB/tls/key" "$SFS/key.good"
	make_pair "$SFS/new" fifth
	cp "$SFS/new/key" "$PUB/tls/key"
	run "${nginx[@]}" -t
	[ "$status" = 1 ]
	[[ $output == *"key values mismatch"* ]]
	kill -HUP "$SERVER" # nginx -s reload would not send it
	eventually 30 grep -q 'key values mismatch' "$SFS/www/error.log"
	serves fourth
	cp "$SFS/key.good" "$PUB/tls/key"
	"${nginx[@]}" -t 2>/dev/null
	# A dying worker of secretfs is nobody's business.
	WORKER_MAY_DIE=1
	kill -9 "$(worker_pid)"
	make_pair "$PUB/tls" sixth
	"${nginx[@]}" -s reload 3>&-
	eventually 30 serves sixth
}

@test "nginx: a plain user, from a private secret; root's nginx cannot read it" {
	need nginx
	need curl
	need openssl
	make_inside
	nginx_conf "$PRIV/tls" ""
	chown -R "$ALICE" "$SFS/www"
	export -f make_pair
	as "$ALICE" bash -c 'make_pair "$PRIV/tls" first'
	same "600 $ALICE" "$(as "$ALICE" stat -c '%a %u' "$PRIV/tls/key")"
	nginx=("${ALICE_INSIDE[@]}" nginx -p "$SFS/www" -e "$SFS/www/error.log" -c "$SFS/www/nginx.conf")
	serve "${nginx[@]}"
	as "$ALICE" cp "$MNT/private/tls/cert" "$SFS/www/cert"
	page "$SFS/www/cert"
	serves first
	as "$ALICE" bash -c 'make_pair "$PRIV/tls" second'
	"${nginx[@]}" -s reload 3>&-
	eventually 30 serves second
	nginx_conf "$MNT/.private/$ALICE/tls" "user root;"
	run inside nginx -t -p "$SFS/www" -e "$SFS/www/error.log" -c "$SFS/www/nginx.conf"
	[ "$status" = 1 ]
	[[ $output == *"Permission denied"* ]]
}

# sshd_start [OPTION...]: as root, with the host key of public/host and the keys that alice lets in from her private
# secret, which sshd reads as alice.
sshd_start() {
	cat >"$SFS/sshd.conf" <<-EOF
		ListenAddress 127.0.0.1:$PORT
		HostKey /mnt/public/host/key
		AuthorizedKeysFile /mnt/private/ssh/authorized_keys
		StrictModes yes
		PasswordAuthentication no
		KbdInteractiveAuthentication no
		UsePAM no
		PidFile none
		LogLevel VERBOSE
	EOF
	serve "${INSIDE[@]}" /usr/sbin/sshd -D -E "$SFS/sshd.log" -f "$SFS/sshd.conf"
}

# ssh_run CMD: by alice to alice.
ssh_run() {
	as_alice ssh -F none -p "$PORT" -i /mnt/private/ssh/id -o IdentitiesOnly=yes -o IdentityAgent=none -o BatchMode=yes \
		-o UserKnownHostsFile=/mnt/private/ssh/known_hosts -o GlobalKnownHostsFile=/dev/null -o StrictHostKeyChecking=accept-new \
		-o UpdateHostKeys=no alice@127.0.0.1 "$1" </dev/null
}

need_sshd() {
	need ssh
	[ -x /usr/sbin/sshd ] || skip "sshd is not installed"
	make_inside
	mkdir -m 700 "$PUB/host"
	# ssh-keygen writes into the tree.
	ssh-keygen -q -t ed25519 -N '' -C first -f "$PUB/host/key"
	same "600 key 644 key.pub" "$(cd "$PUB/host" && stat -c '%a %n' key key.pub | xargs)"
	as_alice sh -c 'mkdir /mnt/private/ssh && cd /mnt/private/ssh && ssh-keygen -q -t ed25519 -N "" -C alice -f id && cp id.pub authorized_keys && chmod 600 authorized_keys'
}

@test "ssh: host key, identity, authorized keys and known hosts from the tree" {
	need_sshd
	sshd_start
	same "alice logged in" "$(ssh_run 'echo $(id -un) logged in' 2>>"$LOG")"
	# Known now, and written into the tree by ssh.
	same "$(cut -d ' ' -f 1,2 <"$PUB/host/key.pub")" "$(as "$ALICE" cut -d ' ' -f 2,3 "$PRIV/ssh/known_hosts")"
	same "value" "$(ssh_run 'cat /mnt/private/ssh/id >/dev/null && echo value' 2>>"$LOG")"
	# A new host key: sshd takes it at SIGHUP, and ssh sees that it is another.
	rm "$PUB/host/key" "$PUB/host/key.pub"
	ssh-keygen -q -t ed25519 -N '' -C second -f "$SFS/hostkey"
	cp "$SFS/hostkey" "$PUB/host/.new"
	chmod 600 "$PUB/host/.new"
	mv "$PUB/host/.new" "$PUB/host/key"
	kill -HUP "$SERVER"
	eventually 30 eval '[ "$(inside ssh-keyscan -p $PORT -t ed25519 127.0.0.1 2>/dev/null | cut -d " " -f 2,3)" = "$(cut -d " " -f 1,2 "$SFS/hostkey.pub")" ]'
	run -255 ssh_run true
	[[ $output == *"REMOTE HOST IDENTIFICATION HAS CHANGED"* ]]
	# ssh-keygen -R keeps the old file by a hard link, and does nothing without one.
	known=$(as "$ALICE" cat "$PRIV/ssh/known_hosts")
	run -255 as_alice ssh-keygen -q -R "[127.0.0.1]:$PORT" -f /mnt/private/ssh/known_hosts
	[[ $output == *"link /mnt/private/ssh/known_hosts to /mnt/private/ssh/known_hosts.old: Operation not permitted"* ]]
	same "$known" "$(as "$ALICE" cat "$PRIV/ssh/known_hosts")"
	as_alice sed -i "/:$PORT /d" /mnt/private/ssh/known_hosts
	same "again" "$(ssh_run 'echo again' 2>>"$LOG")"
	# Another identity, replaced under a running sshd: the old one is out, the new one is in.
	as_alice sh -c 'cd /mnt/private/ssh && cp id old && rm id id.pub && ssh-keygen -q -t ed25519 -N "" -f id'
	run -255 ssh_run true
	[[ $output == *"Permission denied (publickey)"* ]]
	as_alice sh -c 'cd /mnt/private/ssh && cat id.pub >authorized_keys'
	same "new" "$(ssh_run 'echo new' 2>>"$LOG")"
}

@test "ssh: modes that ssh and sshd refuse are refused in the tree, too" {
	need_sshd
	sshd_start
	same "in" "$(ssh_run 'echo in' 2>>"$LOG")"
	as_alice chmod 644 /mnt/private/ssh/id
	run -255 ssh_run true
	[[ $output == *"WARNING: UNPROTECTED PRIVATE KEY FILE!"*"Permissions 0644 for '/mnt/private/ssh/id' are too open."* ]]
	as_alice chmod 600 /mnt/private/ssh/id
	same "in" "$(ssh_run 'echo in' 2>>"$LOG")"
	# StrictModes: the file, the secret.
	for what in authorized_keys .; do
		as_alice chmod g+w "/mnt/private/ssh/$what"
		run -255 ssh_run true
		[[ $output == *"Permission denied (publickey)"* ]]
		as_alice chmod g-w "/mnt/private/ssh/$what"
		same "in" "$(ssh_run 'echo in' 2>>"$LOG")"
	done
	grep -q 'Authentication refused: bad ownership or modes for file /mnt/.*/ssh/authorized_keys' "$SFS/sshd.log"
	grep -q 'Authentication refused: bad ownership or modes for directory /mnt/.*/ssh' "$SFS/sshd.log"
	kill "$SERVER"
	wait "$SERVER" || true
	chmod 640 "$PUB/host/key"
	run -1 inside timeout 20 /usr/sbin/sshd -t -f "$SFS/sshd.conf"
	[[ $output == *"Permissions 0640 for '/mnt/public/host/key' are too open."*"no hostkeys available"* ]]
}

# postgres_start: alice's server, with its TLS key in her private secret.
postgres_start() {
	local bin
	bin=$(find /usr/lib/postgresql/*/bin /usr/bin -maxdepth 1 -name initdb 2>/dev/null | sort -V | tail -n 1)
	[ -n "$bin" ] || skip "the server of PostgreSQL is not installed"
	need psql
	need openssl
	PGBIN=$(dirname "$bin")
	make_inside
	mkdir -m 700 "$SFS/pg" && chown "$ALICE:$ALICE" "$SFS/pg"
	export -f make_pair
	as "$ALICE" bash -c 'mkdir "$PRIV/pg" && cd "$PRIV/pg" && umask 077 && make_pair "$PRIV/pg" first && echo "pw of admin" >admin'
	# initdb reads the first password from the tree.
	as_alice "$PGBIN/initdb" -D "$SFS/pg/data" -U admin -A scram-sha-256 --pwfile=/mnt/private/pg/admin --no-sync --locale=C >>"$LOG" 2>&1 3>&-
	serve "${ALICE_INSIDE[@]}" "$PGBIN/postgres" -D "$SFS/pg/data" -p "$PORT" -h 127.0.0.1 -k "" -c fsync=off -c shared_buffers=4MB \
		-c ssl=on -c ssl_cert_file=/mnt/private/pg/cert -c ssl_key_file=/mnt/private/pg/key
	eventually 30 inside "$PGBIN/pg_isready" -q -h 127.0.0.1 -p "$PORT"
}

# query SQL [SETTING...]: by alice as admin, with the password file from the tree.
query() {
	local sql=$1
	shift
	as_alice env PGPASSFILE=/mnt/private/pg/passfile "$@" psql -XAtwq -h localhost -p "$PORT" -U admin \
		-c "$sql" "dbname=postgres hostaddr=127.0.0.1 sslmode=verify-full sslrootcert=/mnt/private/pg/cert" 2>&1 </dev/null
}

@test "postgresql: passfile, TLS key and first password from the tree" {
	postgres_start
	run query 'SELECT 1'
	[ "$status" = 2 ]
	[[ $output == *"fe_sendauth: no password supplied"* ]]
	as "$ALICE" sh -c 'umask 077 && printf "localhost:%s:*:admin:%s\n" "$1" "pw of admin" >"$PRIV/pg/passfile"' sh "$PORT"
	same 42 "$(query 'SELECT 6 * 7')"
	# psql says what it thinks of a passfile that others could read.
	as "$ALICE" chmod 640 "$PRIV/pg/passfile"
	run query 'SELECT 1'
	[ "$status" = 2 ]
	[[ $output == *'WARNING: password file "/mnt/private/pg/passfile" has group or world access; permissions should be u=rw (0600) or less'* ]]
	as "$ALICE" chmod 600 "$PRIV/pg/passfile"
	# A new password, in the server and in the tree.
	query "ALTER ROLE admin PASSWORD 'another'"
	run query 'SELECT 1'
	[ "$status" = 2 ]
	[[ $output == *'password authentication failed for user "admin"'* ]]
	as "$ALICE" sed -i 's/pw of admin/another/' "$PRIV/pg/passfile"
	same "600 $ALICE" "$(as "$ALICE" stat -c '%a %u' "$PRIV/pg/passfile")"
	same 42 "$(query 'SELECT 6 * 7')"
	# COPY reads and writes keys, as the server's user.
	same 3 "$(query "CREATE TABLE t(a int); COPY t FROM PROGRAM 'printf \"1\n2\n\"'; COPY t TO '/mnt/private/pg/table'; SELECT sum(a) FROM t")"
	same "1 2" "$(as "$ALICE" cat "$PRIV/pg/table" | xargs)"
	same 6 "$(query "COPY t FROM '/mnt/private/pg/table'; SELECT sum(a) FROM t")"
	# A new pair: served after a reload; a key that others could read is not loaded.
	serves first -starttls postgres
	as "$ALICE" bash -c 'make_pair "$PRIV/pg" second'
	kill -HUP "$SERVER"
	eventually 30 serves second -starttls postgres
	same 42 "$(query 'SELECT 6 * 7')"
	as "$ALICE" bash -c 'make_pair "$PRIV/pg" third; chmod 640 "$PRIV/pg/key"'
	kill -HUP "$SERVER"
	eventually 30 grep -q 'private key file "/mnt/private/pg/key" has group or world access' "$LOG"
	serves second -starttls postgres
}
