"""Two PostgreSQL servers and one MariaDB server of our own, on free loopback ports, with their data in one
folder that goes away with them. They keep their promises: fsync, flush at commit and synced binlog are on."""

import glob
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time

HOST = "127.0.0.1"


def free_port():
    with socket.socket() as s:
        s.bind((HOST, 0))
        return s.getsockname()[1]


def postgres_bin():
    """The folder of the newest installed PostgreSQL server."""
    named = os.environ.get("LIMOSA_TEST_POSTGRES_BIN")
    if named:
        return named
    found = glob.glob("/usr/lib/postgresql/*/bin/initdb")
    if found:
        return os.path.dirname(max(found, key=lambda p: int(p.split("/")[4])))
    on_path = shutil.which("initdb")
    if on_path:
        return os.path.dirname(os.path.realpath(on_path))
    raise SystemExit("benches/run: PostgreSQL is not installed; ./setup installs it")


def need(*programs):
    for program in programs:
        path = shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin")
        if path:
            return path
    raise SystemExit(f"benches/run: {programs[0]} is not installed; ./setup installs the servers and their clients")


class Servers:
    """Starts with `with`, ends with it. `pids` names the processes: `pga`, `pgb`, `maria`."""

    def __init__(self, keep=None):
        self.folder = tempfile.mkdtemp(prefix="limosa-bench.", dir=keep)
        os.chmod(self.folder, 0o755)
        self.bin = postgres_bin()
        self.mariadbd = need("mariadbd", "mysqld")
        self.install_db = need("mariadb-install-db", "mysql_install_db")
        self.psql, self.mariadb = need("psql"), need("mariadb", "mysql")
        self.pids, self.ports, self.maria = {}, {}, None

    def __enter__(self):
        try:
            for name in ("pga", "pgb"):
                self._start_postgres(name)
            self._start_mariadb()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for name in ("pga", "pgb"):
            if name in self.pids:
                subprocess.run(self._as("postgres", f"{self.bin}/pg_ctl", "-s", "-w", "-m", "immediate",
                                        "-D", f"{self.folder}/{name}", "stop"), check=False)
        if self.maria and self.maria.poll() is None:
            self.maria.send_signal(signal.SIGTERM)
            try:
                self.maria.wait(60)
            except subprocess.TimeoutExpired:
                self.maria.kill()
                self.maria.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _as(self, user, *command):
        """Servers refuse to run as root; then they run as the user that their package made."""
        if os.geteuid() != 0:
            return list(command)
        return ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", *command]

    def _folder(self, name, user):
        path = f"{self.folder}/{name}"
        os.mkdir(path, 0o700)
        if os.geteuid() == 0:
            entry = pwd.getpwnam(user)
            os.chown(path, entry.pw_uid, entry.pw_gid)
        return path

    def _start_postgres(self, name):
        data, port = self._folder(name, "postgres"), free_port()
        subprocess.run(self._as("postgres", f"{self.bin}/initdb", "-D", data, "-U", "bench", "-A", "trust",
                                "-E", "UTF8", "--locale=C"), check=True, stdout=subprocess.DEVNULL)
        settings = f"""
listen_addresses = '{HOST}'
port = {port}
unix_socket_directories = '{data}'
fsync = on
shared_buffers = 1GB
maintenance_work_mem = 512MB
max_wal_size = 8GB
checkpoint_timeout = 15min
wal_level = logical
max_connections = 50
"""
        with open(f"{data}/postgresql.conf", "a") as conf:
            conf.write(settings)
        subprocess.run(self._as("postgres", f"{self.bin}/pg_ctl", "-s", "-w", "-D", data, "-l", f"{data}/log",
                                "start"), check=True)
        with open(f"{data}/postmaster.pid") as pid:
            self.pids[name] = int(pid.readline())
        self.ports[name] = port

    def _start_mariadb(self):
        data, port = self._folder("maria", "mysql"), free_port()
        subprocess.run(self._as("mysql", self.install_db, "--no-defaults", f"--datadir={data}",
                                "--auth-root-authentication-method=normal", "--skip-test-db"),
                       check=True, stdout=subprocess.DEVNULL)
        self.maria = subprocess.Popen(
            self._as("mysql", self.mariadbd, "--no-defaults", f"--datadir={data}", f"--port={port}",
                     f"--bind-address={HOST}", f"--socket={data}/sock", f"--log-error={data}/error.log",
                     "--server-id=1", "--log-bin=binlog", "--binlog-format=ROW", "--binlog-row-image=FULL",
                     "--local-infile=1", "--character-set-server=utf8mb4", "--innodb-buffer-pool-size=1G",
                     "--innodb-log-file-size=1G", "--max-allowed-packet=256M", "--skip-name-resolve",
                     "--innodb-flush-log-at-trx-commit=1", "--sync-binlog=1"),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        self.ports["maria"] = port
        for _ in range(600):
            ready = subprocess.run([self.mariadb, "--no-defaults", "-S", f"{data}/sock", "-uroot", "-e", "select 1"],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
            if ready.returncode == 0:
                break
            if self.maria.poll() is not None:
                raise SystemExit(f"benches/run: MariaDB did not start:\n{open(f'{data}/error.log').read()[-2000:]}")
            time.sleep(0.1)
        subprocess.run([self.mariadb, "--no-defaults", "-S", f"{data}/sock", "-uroot", "-e",
                        "set sql_log_bin = 0; create user bench@'%' identified by 'bench'; "
                        "grant all on *.* to bench@'%' with grant option"], check=True)
        self.pids["maria"] = self.maria.pid

    # Words of the shell commands that are measured.

    def pg_url(self, name, database):
        return f"postgresql://bench@{HOST}:{self.ports[name]}/{database}"

    def maria_url(self, database):
        return f"mysql://bench:bench@{HOST}:{self.ports['maria']}/{database}"

    def maria_command(self, database=""):
        return (f"{self.mariadb} --no-defaults --default-character-set=utf8mb4 --local-infile=1 -h {HOST} "
                f"-P {self.ports['maria']} -ubench -pbench {database}").rstrip()

    # Statements for ourselves; each gives what the client prints, without headings.

    def pg(self, name, database, *statements):
        command = [self.psql, "-XqAt", "-v", "ON_ERROR_STOP=1", self.pg_url(name, database)]
        for statement in statements:
            command += ["-c", statement]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True,
                              env={**os.environ, "PGOPTIONS": "-c client_min_messages=warning"}).stdout

    def my(self, database, statement):
        return subprocess.run([*self.maria_command(database).split(), "-NB", "-e", statement],
                              check=True, stdout=subprocess.PIPE, text=True).stdout

    def fresh_pg(self, name, database):
        self.pg(name, "postgres", f"drop database if exists {database} with (force)", f"create database {database}")

    def fresh_my(self, database):
        self.my("", f"drop database if exists {database}; create database {database} character set utf8mb4")

    def versions(self):
        return {
            "PostgreSQL": self.pg("pga", "postgres", "show server_version").strip(),
            "MariaDB": self.my("", "select version()").strip(),
        }
