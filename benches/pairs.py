"""What is measured: for each pair of engines the limit, Limosa, and the peers that are installed.

A contender is a name and a shell command. `prepare` makes the target that the command needs, `check` says what
is wrong with what it left there, in words, or nothing. The limit is a pipe of the engines' own clients, written
by hand: it is told the table and builds the primary key too, and it knows nothing of types, resuming or reports.
"""

import json
import os
import shutil
import sqlite3
import subprocess
from dataclasses import dataclass
from typing import Callable

import whole

COLUMNS = (
    "l_orderkey bigint not null, l_partkey int not null, l_suppkey int not null, l_linenumber int not null, "
    "l_quantity decimal(15,2) not null, l_extendedprice decimal(15,2) not null, l_discount decimal(15,2) not null, "
    "l_tax decimal(15,2) not null, l_returnflag char(1) not null, l_linestatus char(1) not null, "
    "l_shipdate date not null, l_commitdate date not null, l_receiptdate date not null, "
    "l_shipinstruct char(25) not null, l_shipmode char(10) not null, l_comment varchar(44) not null"
)
KEY = "primary key (l_orderkey, l_linenumber)"
TABLE = f"create table lineitem ({COLUMNS})"
TABLE_WITH_KEY = f"create table lineitem ({COLUMNS}, {KEY})"
ADD_KEY = f"alter table lineitem add {KEY}"
ANALYZE = "analyze lineitem"
SOURCE, TARGET, WHOLE = "li", "dst", "whole"


@dataclass
class Contender:
    name: str
    command: str
    prepare: Callable[[], None]
    check: Callable[[], str]
    # The exit code of a run that went well.
    expected: int = 0


class Bench:
    """The servers, the data, and the contenders of each pair."""

    def __init__(self, servers, limosa, rows, peers):
        self.s, self.rows, self.with_peers = servers, rows, peers
        self.limosa = limosa
        self.csv = f"{servers.folder}/lineitem.csv"
        self.sqlite = f"{servers.folder}/{SOURCE}.db"
        self.out = f"{servers.folder}/{TARGET}.db"
        self.pipe = f"{servers.folder}/pipe"
        self.work = f"{servers.folder}/work"  # where the commands run, emptied before each
        self.cents = 0

    # Data.

    def load(self, generator):
        """Makes the table and puts it into every source."""
        s = self.s
        with open(self.csv, "w") as out:
            subprocess.run([generator, str(self.rows)], stdout=out, check=True)
        os.chmod(self.csv, 0o644)
        script = (f"pragma journal_mode=off;\npragma synchronous=off;\n{TABLE_WITH_KEY};\n"
                  f".import --csv --skip 1 '{self.csv}' lineitem\npragma journal_mode=delete;\n")
        subprocess.run(["sqlite3", self.sqlite], input=script, text=True, check=True, stdout=subprocess.DEVNULL)
        s.fresh_pg("pga", SOURCE)
        s.pg("pga", SOURCE, TABLE, f"\\copy lineitem from '{self.csv}' csv header", ADD_KEY, "vacuum analyze")
        s.fresh_my(SOURCE)
        s.my(SOURCE, f"set sql_log_bin = 0; {TABLE}; load data local infile '{self.csv}' into table lineitem "
                     f"fields terminated by ',' ignore 1 lines; {ADD_KEY}; analyze table lineitem")
        self.cents = int(s.pg("pga", SOURCE, "select (sum(l_extendedprice) * 100)::bigint from lineitem"))

    def bytes(self):
        return os.path.getsize(self.csv)

    # Targets.

    def _clear(self):
        shutil.rmtree(self.work, ignore_errors=True)
        os.mkdir(self.work)

    def _pg(self, table=True):
        def prepare():
            self._clear()
            self.s.fresh_pg("pgb", TARGET)
            if table:
                self.s.pg("pgb", TARGET, TABLE)
            self.s.pg("pgb", TARGET, "checkpoint")
        return prepare

    def _my(self, table=True):
        def prepare():
            self._clear()
            self.s.fresh_my(TARGET)
            if table:
                self.s.my(TARGET, TABLE_WITH_KEY)
            self.s.my("", "reset master")  # a round leaves gigabytes of binlog at the full size
            if os.path.exists(self.pipe):
                os.remove(self.pipe)
            os.mkfifo(self.pipe)
        return prepare

    def _sqlite(self, table=True):
        def prepare():
            self._clear()
            for suffix in ("", "-wal", "-shm", "-journal"):
                if os.path.exists(self.out + suffix):
                    os.remove(self.out + suffix)
            if table:
                subprocess.run(["sqlite3", self.out, TABLE_WITH_KEY], check=True)
        return prepare

    def _nothing(self):
        self._clear()

    # What is in a target.

    def _judge(self, rows, cents, keys):
        said = []
        if int(rows or 0) != self.rows:
            said.append(f"{rows} rows")
        elif int(cents or 0) != self.cents:
            said.append("values differ")
        if int(keys or 0) != 2:
            said.append("no primary key")
        return ", ".join(said)

    def _check_pg(self):
        schema = self.s.pg("pgb", TARGET, "select quote_ident(schemaname) from pg_tables where tablename = 'lineitem'").strip()
        if not schema:
            return "no table"
        found = self.s.pg("pgb", TARGET, f"select count(*), (sum(l_extendedprice) * 100)::bigint, (select sum(cardinality(conkey)) "
                          f"from pg_constraint where contype = 'p' and conrelid = '{schema}.lineitem'::regclass) from {schema}.lineitem")
        return self._judge(*found.strip().split("|"))

    def _check_my(self):
        if not self.s.my(TARGET, "show tables like 'lineitem'").strip():
            return "no table"
        found = self.s.my(TARGET, "select count(*), cast(sum(l_extendedprice) * 100 as signed), (select count(*) from information_schema.statistics "
                          f"where table_schema = '{TARGET}' and table_name = 'lineitem' and index_name = 'PRIMARY') from lineitem")
        return self._judge(*found.strip().replace("NULL", "0").split("\t"))

    def _check_sqlite(self):
        if not os.path.exists(self.out):
            return "no file"
        db = sqlite3.connect(self.out)
        try:
            found = db.execute("select count(*), sum(cast(round(l_extendedprice * 100) as integer)), "
                               "(select count(*) from pragma_table_info('lineitem') where pk > 0) from lineitem").fetchone()
        except sqlite3.Error as error:
            return str(error)
        finally:
            db.close()
        return self._judge(*found)

    # Contenders.

    def _copy(self, source, target, workers, scan=None):
        scan = f" --scan {scan}" if scan else ""
        return f"{self.limosa} copy --source '{source}' --target '{target}' --workers {workers}{scan}"

    def _unscanned(self, source, target, prepare, check):
        """The copy without the look at all values before it: what the limit does not do either."""
        return Contender("limosa, --scan none", self._copy(source, target, 1, "none"), prepare, check)

    def _agreed(self, source, target, prepare, check):
        """The copy by a plan that was made and agreed before, as in production: its scan is not in the time."""
        plan = f"{self.work}/plan.json"
        between = f"--source '{source}' --target '{target}'"

        def planned():
            prepare()
            subprocess.run(f"{self.limosa} plan {between} --out {plan}", cwd=self.work, shell=True, check=True,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        return Contender("limosa, agreed plan", f"{self.limosa} copy {between} --workers 1 --plan {plan}", planned, check)

    def _peer(self, program, contenders, name, command, prepare, check):
        if self.with_peers and shutil.which(program):
            contenders.append(Contender(name, command, prepare, check))

    def _sling(self, contenders, source, stream, target, table, prepare, check):
        self._peer("sling", contenders, "sling",
                   f"sling run --src-conn '{source}' --src-stream {stream} --tgt-conn '{target}' --tgt-object {table} --mode full-refresh",
                   prepare, check)

    def _limits(self, pipe):
        """The pipe, and the pipe that leaves the planner's statistics too, as Limosa does."""
        dst = self.s.pg_url("pgb", TARGET)
        return [Contender("limit", pipe, self._pg(), self._check_pg),
                Contender("limit, with statistics", f"{pipe} && psql -Xqc '{ANALYZE}' {dst}", self._pg(), self._check_pg)]

    def sqlite_pg(self):
        dst = self.s.pg_url("pgb", TARGET)
        out = [
            *self._limits(f"sqlite3 -csv {self.sqlite} 'select * from lineitem' | psql -Xqc 'copy lineitem from stdin csv' {dst} "
                          f"&& psql -Xqc '{ADD_KEY}' {dst}"),
            Contender("limosa", self._copy(f"sqlite://{self.sqlite}", dst, 1), self._pg(False), self._check_pg),
            self._unscanned(f"sqlite://{self.sqlite}", dst, self._pg(False), self._check_pg),
            self._agreed(f"sqlite://{self.sqlite}", dst, self._pg(False), self._check_pg),
        ]
        self._peer("pgloader", out, "pgloader", f"pgloader --on-error-stop sqlite://{self.sqlite} {dst}", self._pg(False), self._check_pg)
        self._sling(out, f"sqlite://{self.sqlite}", "lineitem", dst + "?sslmode=disable", "public.lineitem", self._pg(False), self._check_pg)
        return out

    def mariadb_pg(self):
        dst, src = self.s.pg_url("pgb", TARGET), self.s.maria_url(SOURCE)
        out = [
            *self._limits(f"{self.s.maria_command(SOURCE)} --quick --batch -Ne 'select * from lineitem' "
                          f"| psql -Xqc \"copy lineitem from stdin with (null 'NULL')\" {dst} && psql -Xqc '{ADD_KEY}' {dst}"),
            Contender("limosa", self._copy(src, dst, 1), self._pg(False), self._check_pg),
            self._unscanned(src, dst, self._pg(False), self._check_pg),
            self._agreed(src, dst, self._pg(False), self._check_pg),
        ]
        self._peer("pgloader", out, "pgloader", f"pgloader --on-error-stop {src} {dst}", self._pg(False), self._check_pg)
        self._sling(out, src, f"{SOURCE}.lineitem", dst + "?sslmode=disable", "public.lineitem", self._pg(False), self._check_pg)
        return out

    def pg_pg(self):
        src, dst = self.s.pg_url("pga", SOURCE), self.s.pg_url("pgb", TARGET)
        def binary(rows):
            return f"psql -Xqc 'copy {rows} to stdout binary' {src} | psql -Xqc 'copy lineitem from stdin binary' {dst}"

        middle = int(self.s.pg("pga", SOURCE, "select relpages / 2 from pg_class where relname = 'lineitem'"))
        low, high = (f"(select * from lineitem where ctid {op} '\\''({middle},0)'\\'')" for op in ("<", ">="))
        out = [
            *self._limits(f"{binary('lineitem')} && psql -Xqc '{ADD_KEY}' {dst}"),
            Contender("limit, two halves", f"{binary(low)} & {binary(high)} & wait; psql -Xqc '{ADD_KEY}' {dst}", self._pg(), self._check_pg),
            Contender("limosa", self._copy(src, dst, 1), self._pg(False), self._check_pg),
            Contender("limosa, two workers", self._copy(src, dst, 2), self._pg(False), self._check_pg),
        ]
        for program in ("pgcopydb", "pgcopydb18"):
            for jobs in (1, 2):
                self._pgcopydb(program, out, src, dst, jobs, self._check_pg)
        return out

    def _check_whole(self):
        try:
            found = whole.facts(self.s, "pgb", TARGET)
        except subprocess.CalledProcessError:
            return "a table is missing"
        return "" if found == self.facts else f"{' '.join(found)} instead of {' '.join(self.facts)}"

    def pg_pg_whole(self):
        """Eight tables with all keys, foreign keys and indexes. The limit is the dump as text into the client: no peer's
        formats are read by the client itself, and it does one thing at a time."""
        self.s.fresh_pg("pga", WHOLE)
        self.s.pg("pga", WHOLE, TABLE)
        self.s.pg("pga", WHOLE, f"\\copy lineitem from '{self.csv}' csv header", ADD_KEY)
        whole.make(self.s, "pga", WHOLE)
        self.facts = whole.facts(self.s, "pga", WHOLE)
        src, dst = self.s.pg_url("pga", WHOLE), self.s.pg_url("pgb", TARGET)
        out = [Contender("limit", f"pg_dump --no-owner {src} | psql -Xq {dst}", self._pg(False), self._check_whole)]
        for jobs in (1, 2):
            out.append(Contender(f"limosa, {jobs} worker{'s' * (jobs > 1)}", self._copy(src, dst, jobs), self._pg(False), self._check_whole))
        for program in ("pgcopydb", "pgcopydb18"):
            for jobs in (1, 2):
                self._pgcopydb(program, out, src, dst, jobs, self._check_whole)
        return out

    def _pgcopydb(self, program, out, src, dst, jobs, check):
        self._peer(program, out, f"{program}, {jobs} job{'s' * (jobs > 1)}",
                   f"{program} clone --source {src} --target {dst} --dir {self.work}/pgcopydb --table-jobs {jobs} --index-jobs {jobs}",
                   self._pg(False), check)

    def _load_maria(self):
        return (f"{self.s.maria_command(TARGET)} -e \"load data local infile '{self.pipe}' into table lineitem "
                f"fields terminated by ',' optionally enclosed by '\\\"'\"")

    def pg_mariadb(self):
        src, dst = self.s.pg_url("pga", SOURCE), self.s.maria_url(TARGET)
        out = [
            Contender("limit", f"psql -Xqc 'copy lineitem to stdout csv' {src} > {self.pipe} & {self._load_maria()} && wait", self._my(), self._check_my),
            Contender("limosa", self._copy(src, dst, 1), self._my(False), self._check_my),
            self._unscanned(src, dst, self._my(False), self._check_my),
            self._agreed(src, dst, self._my(False), self._check_my),
        ]
        self._sling(out, src + "?sslmode=disable", "public.lineitem", dst, f"{TARGET}.lineitem", self._my(False), self._check_my)
        return out

    def sqlite_mariadb(self):
        dst = self.s.maria_url(TARGET)
        out = [
            Contender("limit", f"sqlite3 -csv {self.sqlite} 'select * from lineitem' > {self.pipe} & {self._load_maria()} && wait", self._my(), self._check_my),
            Contender("limosa", self._copy(f"sqlite://{self.sqlite}", dst, 1), self._my(False), self._check_my),
            self._unscanned(f"sqlite://{self.sqlite}", dst, self._my(False), self._check_my),
            self._agreed(f"sqlite://{self.sqlite}", dst, self._my(False), self._check_my),
        ]
        self._peer("sqlite3mysql", out, "sqlite3mysql",
                   f"sqlite3mysql -f {self.sqlite} -d {TARGET} -u bench --mysql-password bench -h 127.0.0.1 -P {self.s.ports['maria']} -c 100000 --quiet",
                   self._my(False), self._check_my)
        return out

    def mariadb_sqlite(self):
        src = self.s.maria_url(SOURCE)
        out = [
            Contender("limit", f"{self.s.maria_command(SOURCE)} --quick --batch -Ne 'select * from lineitem' "
                      f"| sqlite3 {self.out} '.mode tabs' '.import /dev/stdin lineitem'", self._sqlite(), self._check_sqlite),
            Contender("limosa", self._copy(src, f"sqlite://{self.out}", 1), self._sqlite(False), self._check_sqlite),
            self._unscanned(src, f"sqlite://{self.out}", self._sqlite(False), self._check_sqlite),
            self._agreed(src, f"sqlite://{self.out}", self._sqlite(False), self._check_sqlite),
        ]
        self._peer("mysql2sqlite", out, "mysql2sqlite",
                   f"mysql2sqlite -f {self.out} -d {SOURCE} -u bench --mysql-password bench -h 127.0.0.1 -P {self.s.ports['maria']} -c 100000 --quiet",
                   self._sqlite(False), self._check_sqlite)
        return out

    def pg_sqlite(self):
        src = self.s.pg_url("pga", SOURCE)
        out = [
            Contender("limit", f"psql -Xqc 'copy lineitem to stdout csv' {src} | sqlite3 {self.out} '.mode csv' '.import /dev/stdin lineitem'",
                      self._sqlite(), self._check_sqlite),
            Contender("limosa", self._copy(src, f"sqlite://{self.out}", 1), self._sqlite(False), self._check_sqlite),
            self._unscanned(src, f"sqlite://{self.out}", self._sqlite(False), self._check_sqlite),
            self._agreed(src, f"sqlite://{self.out}", self._sqlite(False), self._check_sqlite),
        ]
        self._sling(out, src + "?sslmode=disable", "public.lineitem", f"sqlite://{self.out}", "main.lineitem", self._sqlite(False), self._check_sqlite)
        return out

    # Comparisons of the PostgreSQL source with a twin that `limosa copy` made (it compares what its plan made):
    # first both sides hold the same rows, then ten rows of the twin are changed.

    TEN = "where l_linenumber = 1 and l_orderkey in (1, 2, 3, 4, 5, 6, 7, 32 + 1, 32 + 2, 32 + 3)"

    def make_twins(self):
        self.s.fresh_pg("pgb", "twin")
        self.s.fresh_my("twin")
        for name, url in (("twin_pg", self.s.pg_url("pgb", "twin")), ("twin_my", self.s.maria_url("twin"))):
            self._clear()
            subprocess.run([self.limosa, "copy", *self._twin(name, url)], cwd=self.work, check=True,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.s.pg("pgb", "twin", "vacuum analyze")
        self.s.my("twin", "analyze table lineitem")

    def _twin(self, name, url):
        return ["--name", name, "--state", f"{self.s.folder}/state", "--source", self.s.pg_url("pga", SOURCE), "--target", url]

    def change(self, amount):
        self.s.pg("pgb", "twin", f"update lineitem set l_tax = l_tax + {amount} {self.TEN}")
        self.s.my("twin", f"set sql_log_bin = 0; update lineitem set l_tax = l_tax + {amount} {self.TEN}")

    def _compare(self, name, left, right, right_url, differs):
        # Both are read to their ends, also where they differ (then by counting the bytes that do), and waited
        # for, so that their CPU is counted.
        compare = "cmp -l left right | wc -l" if differs else "cmp left right"
        limit = f"mkfifo left right; {left} > left & {right} > right & {compare}; same=$?; wait; exit $same"
        flags = " ".join(f"'{word}'" for word in self._twin(name, right_url))
        answer = f"{self.work}/answer.json"

        def found():
            with open(answer) as text:
                rows = json.load(text)["comparison"]["tables"][0]["differing_rows"]
            return "" if rows == 10 * differs else f"{rows} rows said to differ"

        out = [
            Contender("limit", limit, self._nothing, lambda: "", int(differs)),
            Contender("limosa", f"{self.limosa} verify {flags} --workers 1 --output json > {answer}", self._nothing, found, 3 * differs),
        ]
        with_password = [u.replace("bench@", "bench:bench@") for u in (self.s.pg_url("pga", SOURCE), right_url)]
        # It says by its output, not by its exit code, that rows differ.
        self._peer("reladiff", out, "reladiff",
                   f"reladiff '{with_password[0]}' lineitem '{with_password[1]}' lineitem -k l_orderkey -k l_linenumber -c l_%",
                   self._nothing, lambda: "")
        return out

    def verify_pg_pg(self, differs):
        def side(url):
            return f"psql -Xqc 'copy (select * from lineitem order by l_orderkey, l_linenumber) to stdout' {url}"

        b = self.s.pg_url("pgb", "twin")
        return self._compare("twin_pg", side(self.s.pg_url("pga", SOURCE)), side(b), b, differs)

    def verify_pg_mariadb(self, differs):
        # CHAR comes padded from one and not from the other.
        rows = "select " + ", ".join(f"rtrim({c})" if c in ("l_shipinstruct", "l_shipmode") else c for c in
                                     (c.strip().split(" ")[0] for c in COLUMNS.replace("(15,2)", "").split(",")))
        rows += " from lineitem order by l_orderkey, l_linenumber"
        return self._compare("twin_my", f"psql -Xqc 'copy ({rows}) to stdout' {self.s.pg_url('pga', SOURCE)}",
                             f"{self.s.maria_command('twin')} --quick --batch -Ne '{rows}'", self.s.maria_url("twin"), differs)

    COPIES = {
        "SQLite → PostgreSQL": sqlite_pg,
        "MariaDB → PostgreSQL": mariadb_pg,
        "PostgreSQL → PostgreSQL": pg_pg,
        "PostgreSQL → PostgreSQL, eight tables": pg_pg_whole,
        "PostgreSQL → MariaDB": pg_mariadb,
        "SQLite → MariaDB": sqlite_mariadb,
        "MariaDB → SQLite": mariadb_sqlite,
        "PostgreSQL → SQLite": pg_sqlite,
    }
    COMPARISONS = {
        "compare PostgreSQL, PostgreSQL": verify_pg_pg,
        "compare PostgreSQL, MariaDB": verify_pg_mariadb,
    }
