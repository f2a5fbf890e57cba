"""pg - a PostgreSQL for a script alone: on a private socket in a folder of its
own, as another user when the script is root (it refuses to run as root)."""
import glob, os, pwd, shutil, signal, subprocess, tempfile, time

PLACES = sorted(glob.glob("/usr/lib/postgresql/*/bin"))


def there():
    return bool(PLACES) or shutil.which("initdb") is not None


class Postgres:
    def __init__(self):
        self.bin = PLACES[-1] if PLACES else os.path.dirname(shutil.which("initdb"))
        self.folder = tempfile.mkdtemp(prefix="knoop-pg-")
        self.user = self.another_user()
        os.chmod(self.folder, 0o755)
        if self.user:
            os.chown(self.folder, self.user.pw_uid, self.user.pw_gid)
        data = os.path.join(self.folder, "data")
        with open(os.path.join(self.folder, "log"), "wb") as log:
            subprocess.run([f"{self.bin}/initdb", "-D", data, "-A", "trust", "-U", "knoop", "-N", "-E", "UTF8",
                            "--locale=C.UTF-8"], check=True, stdout=log, stderr=log, **self.as_user())
            self.process = subprocess.Popen(
                [f"{self.bin}/postgres", "-D", data, "-k", self.folder, "-h", "", "-c", "max_connections=60",
                 "-c", "shared_buffers=16MB"], stdout=log, stderr=log, **self.as_user())
        for _ in range(500):
            if subprocess.run([f"{self.bin}/pg_isready", "-q", "-h", self.folder]).returncode == 0:
                break
            time.sleep(0.02)
        self.sql("create database node")

    @staticmethod
    def another_user():
        if os.geteuid() != 0:
            return None
        for name in ("postgres", "nobody"):
            try:
                return pwd.getpwnam(name)
            except KeyError:
                pass
        return None

    def as_user(self):
        more = {"cwd": self.folder, "stdin": subprocess.DEVNULL}
        if self.user:
            more.update(user=self.user.pw_uid, group=self.user.pw_gid, extra_groups=[])
        return more

    def url(self, database="node"):
        return f"postgres://knoop@/{database}?host={self.folder}"

    def sql(self, text, database="postgres"):
        """One statement; its rows as text."""
        r = subprocess.run([f"{self.bin}/psql", "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", self.folder,
                            "-U", "knoop", "-d", database, "-c", text], capture_output=True, text=True, timeout=60)
        if r.returncode != 0:
            raise RuntimeError(f"psql: {r.stderr}")
        return r.stdout.strip()

    def lock_all(self, database="node"):
        """Every table of ours, until the process that is returned ends."""
        tables = self.sql("select string_agg(quote_ident(tablename), ',') from pg_tables"
                          " where schemaname = 'public'", database)
        p = subprocess.Popen([f"{self.bin}/psql", "-X", "-q", "-A", "-t", "-h", self.folder, "-U", "knoop", "-d", database],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        p.stdin.write(f"begin; lock table {tables} in access exclusive mode; select 'held';\n")
        p.stdin.flush()
        if p.stdout.readline().strip() != "held":
            raise RuntimeError("psql took no locks")
        return p

    def stop(self):
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait(20)
        shutil.rmtree(self.folder, ignore_errors=True)
