/* SPDX-License-Identifier: MIT */
/* steer: the list of variables that steer programs. */
#include "steer.h"

#include <string.h>
#include <strings.h>

/*
 * A star at the end stands for anything, nothing too. Families in which passwords and tokens are
 * usual (DOCKER_PASSWORD, CARGO_REGISTRY_TOKEN) are listed by the members that steer.
 */
static const char *const steer_names[] = {
	/* the loader and the C library */
	"LD_*",
	"GLIBC_TUNABLES",
	"GCONV_PATH",
	"GETCONF_DIR",
	"LOCPATH",
	"NLSPATH",
	"MALLOC_*",
	"HOSTALIASES",
	"LOCALDOMAIN",
	"RES_OPTIONS",
	"RESOLV_*",
	"NIS_PATH",
	"TMPDIR",
	"TZDIR",
	/* shells, and where programs look for what is the user's */
	"PATH",
	"IFS",
	"ENV",
	"BASH_*",
	"BASHOPTS",
	"SHELLOPTS",
	"SHELL",
	"PS4",
	"PROMPT_COMMAND",
	"CDPATH",
	"FPATH",
	"ZDOTDIR",
	"INPUTRC",
	"GLOBIGNORE",
	"EXECIGNORE",
	"HISTFILE",
	"HOME",
	"XDG_*",
	/* programs that others start */
	"EDITOR",
	"VISUAL",
	"SUDO_EDITOR",
	"SUDO_ASKPASS",
	"SYSTEMD_EDITOR",
	"SYSTEMD_PAGER*",
	"PAGER",
	"MANPAGER",
	"MANOPT",
	"LESS",
	"LESSOPEN",
	"LESSCLOSE",
	"LESSKEY*",
	"BROWSER",
	"TERMINFO*",
	"TERMCAP",
	"TERMPATH",
	/* interpreters */
	"PYTHON*",
	"PERL5*",
	"PERLLIB",
	"PERL_*",
	"RUBY*",
	"GEM_HOME",
	"GEM_PATH",
	"GEM_SPEC_CACHE",
	"BUNDLE_*",
	"NODE_OPTIONS",
	"NODE_PATH",
	"NODE_EXTRA_CA_CERTS",
	"NODE_TLS_REJECT_UNAUTHORIZED",
	"NODE_REPL_*",
	"YARN_YARN_PATH",
	"YARN_RC_FILENAME",
	"YARN_PLUGINS",
	"DENO_DIR",
	"BUN_OPTIONS",
	"BUN_INSTALL",
	"PHPRC",
	"PHP_INI_SCAN_DIR",
	"LUA_*",
	"TCLLIBPATH",
	"TCL_LIBRARY",
	"R_HOME",
	"R_PROFILE*",
	"R_ENVIRON*",
	"R_LIBS*",
	"JULIA_*",
	"GUILE_*",
	"ERL_*",
	"ELIXIR_ERL_OPTIONS",
	"AWKPATH",
	"AWKLIBPATH",
	"JAVA_TOOL_OPTIONS",
	"JDK_JAVA_OPTIONS",
	"_JAVA_OPTIONS",
	"JAVA_OPTS",
	"JAVA_HOME",
	"CLASSPATH",
	"MAVEN_OPTS",
	"MAVEN_ARGS",
	"GRADLE_OPTS",
	"GRADLE_USER_HOME",
	"SBT_OPTS",
	"DOTNET_*",
	"CORECLR_*",
	"COR_PROFILER*",
	"COR_ENABLE_PROFILING",
	"PIP_*",
	"UV_INDEX*",
	"UV_DEFAULT_INDEX",
	"UV_PYTHON*",
	"CONDA_*",
	"VIRTUAL_ENV",
	/* build tools */
	"MAKEFLAGS",
	"MAKEFILES",
	"MFLAGS",
	"GNUMAKEFLAGS",
	"CC",
	"CXX",
	"CPP",
	"LDFLAGS",
	"GCC_EXEC_PREFIX",
	"COMPILER_PATH",
	"LIBRARY_PATH",
	"GOFLAGS",
	"GOROOT",
	"GOPATH",
	"GOPROXY",
	"GOTOOLCHAIN",
	"GONOSUMDB",
	"GOSUMDB",
	"RUSTC*",
	"RUSTFLAGS",
	"CARGO_HOME",
	"CARGO_BUILD_*",
	"CARGO_TARGET_*",
	"CMAKE_*",
	"PKG_CONFIG*",
	/* version control, remote shells */
	"GIT_*",
	"SSH_*",
	"SVN_SSH",
	"HG",
	"HGRCPATH",
	"HGPLAIN*",
	"HGEDITOR",
	"CVS_RSH",
	"RSYNC_RSH",
	"RSYNC_CONNECT_PROG",
	/* whom to believe, where to send things, and settings that may name commands */
	"OPENSSL_*",
	"SSL_CERT_*",
	"SSLKEYLOGFILE",
	"GNUTLS_*",
	"CURL_CA_BUNDLE",
	"CURL_HOME",
	"REQUESTS_CA_BUNDLE",
	"AWS_CA_BUNDLE",
	"AWS_CONFIG_FILE",
	"AWS_SHARED_CREDENTIALS_FILE",
	"KRB5*",
	"SASL_PATH",
	"GNUPGHOME",
	"GPG_AGENT_INFO",
	"DBUS_*",
	"DOCKER_HOST",
	"DOCKER_CONFIG",
	"DOCKER_CONTEXT",
	"DOCKER_TLS_VERIFY",
	"DOCKER_CERT_PATH",
	"CONTAINER_HOST",
	"KUBECONFIG",
	"HELM_PLUGINS",
	"ANSIBLE_*",
	"TF_CLI_*",
	"PGSYSCONFDIR",
	"PGSERVICEFILE",
	"NOTIFY_SOCKET",
	"LISTEN_*",
	/* what graphical and other libraries load */
	"GTK_*",
	"GIO_*",
	"GDK_PIXBUF_*",
	"GST_*",
	"QT_*",
	"QML*",
	"LIBGL_*",
	"VK_*",
	"OCL_*",
	"ODBC*",
	"ORACLE_HOME",
	"TNS_ADMIN",
	"PKCS11_*",
	"P11_KIT_*",
	/* this program */
	"SECRETFS_*",
};

/* These are read in upper and in lower case. */
static const char *const steer_any_case[] = {
	"HTTP_PROXY",
	"HTTPS_PROXY",
	"FTP_PROXY",
	"ALL_PROXY",
	"NO_PROXY",
	"SOCKS_SERVER",
	"SOCKS5_SERVER",
	"NPM_CONFIG_*",
};

static bool steer_is(const char *pattern, const char *name, size_t len,
	int (*compare)(const char *, const char *, size_t))
{
	size_t n = strlen(pattern);

	if (pattern[n - 1] == '*')
		return len >= n - 1 && compare(pattern, name, n - 1) == 0;
	return len == n && compare(pattern, name, n) == 0;
}

bool steer_variable(const char *name, size_t len)
{
	for (size_t i = 0; i < sizeof(steer_names) / sizeof(steer_names[0]); i++) {
		if (steer_is(steer_names[i], name, len, strncmp))
			return true;
	}
	for (size_t i = 0; i < sizeof(steer_any_case) / sizeof(steer_any_case[0]); i++) {
		if (steer_is(steer_any_case[i], name, len, strncasecmp))
			return true;
	}
	return false;
}
