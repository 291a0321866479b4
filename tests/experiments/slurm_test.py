"""A sweep through a real Slurm: cluster and all on this machine, without systemd, in a temporary folder.

Needs root. Installs Debian's slurm-wlm and munge where they are missing and no service would be started by that.
Skipped (status 77) where that is not possible, and where this machine has a Slurm of its own, which is left alone.
"""

import contextlib
import csv
import io
import json
import os
import pathlib
import pwd
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

BNLAB = pathlib.Path(sys.argv[1]).resolve()
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol", "scancel", "sinfo")
OWN_SLURM = ("/etc/slurm/slurm.conf", "/etc/slurm-llnl/slurm.conf")
TIMEOUT = 300  # seconds, for whatever is waited for

# Runs of 3 seconds, so that there is time to end one of them.
EXPERIMENT = {
    "name": "through_slurm",
    "claim": "Two arms.",
    "source": "none",
    "base": {
        "dataset": {"name": "drawn_digits", "synthetic": {"examples": 1000, "test_examples": 200}},
        "network": {"name": "small", "layers": [{"flatten": {}}, {"dense_block": {"units": 50}},
                                                {"dense": {"units": 10}}]},
        "normalization": {"type": "batch"},
        "optimizer": {"learning_rate": 0.02},
        "training": {"batch_size": 50, "steps": 12000, "log_every": 50},
    },
    "arms": [{"name": "batch", "meaning": "with"},
             {"name": "none", "meaning": "without", "set": {"normalization.type": "none"}}],
    "seeds": 6,
    "quick": {"seeds": 6},
    "quantities": [{"name": "loss", "meaning": "loss", "unit": "nats", "file": "train.csv",
                    "series": {"column": "loss", "over_time": "final"}, "better": "lower"}],
    "criteria": [{"name": "lower", "meaning": "loss", "type": "ratio", "quantity": "loss", "arms": ["batch", "none"]}],
}
RUNS = 12


def skip(reason):
    print(f"SKIPPED: {reason}")
    sys.exit(77)


def check(condition, what):
    if not condition:
        raise AssertionError(what)


def wait_until(condition, what, alive=()):
    end = time.monotonic() + TIMEOUT
    while not (value := condition()):
        for process in alive:
            check(process.poll() is None, f"{process.name} ended with status {process.returncode} before {what}")
        check(time.monotonic() < end, f"waited in vain for {what}")
        time.sleep(0.1)
    return value


def run(*command, **options):
    return subprocess.run([str(word) for word in command], text=True, stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=TIMEOUT, **options)


def missing_programs():
    return [name for name in PROGRAMS if shutil.which(name) is None]


@contextlib.contextmanager
def no_services():
    """Packages that are installed meanwhile start nothing."""
    policy = pathlib.Path("/usr/sbin/policy-rc.d")
    if policy.exists():
        yield
        return
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    try:
        yield
    finally:
        policy.unlink()


def install():
    if not missing_programs():
        return
    if shutil.which("apt-get") is None:
        skip(f"no {', '.join(missing_programs())}, and no apt-get to install them")
    if pathlib.Path("/run/systemd/system").exists():
        skip("slurm-wlm and munge are not installed, and here they would become services; install them first")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    command = ["apt-get", "-o", "DPkg::Lock::Timeout=120", "install", "--yes", "--no-install-recommends", "slurm-wlm",
               "munge"]
    with no_services():
        if run(*command, env=environment).returncode != 0:
            run("apt-get", "update", env=environment)
            result = run(*command, env=environment)
            if result.returncode != 0:
                skip("apt-get can't install slurm-wlm and munge: " + result.stderr.strip().replace("\n", "; "))
    check(not missing_programs(), f"installed, but without {missing_programs()}")


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Cluster:
    """munged, slurmctld and slurmd as children of this process; everything they write is in `folder`."""

    def __init__(self, folder):
        self.folder = folder
        self.daemons = []
        self.host = socket.gethostname().split(".")[0]
        self.environment = {**os.environ, "SLURM_CONF": str(folder / "slurm.conf"), "BNLAB_DATA": "/nowhere"}

    def start(self, name, *arguments, user=None):
        # Ends with this process, even where that is killed.
        command = ["setpriv", "--pdeathsig", "TERM"]
        if user:
            command += ["--reuid", user, "--regid", user, "--clear-groups"]
        with open(self.folder / f"{name}.out", "w") as log:
            daemon = subprocess.Popen([*command, shutil.which(name), *map(str, arguments)], env=self.environment,
                                      stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        daemon.name = name
        self.daemons.append(daemon)
        return daemon

    def slurm(self, *command):
        return run(*command, env=self.environment)

    def configure(self):
        self.folder.chmod(0o755)
        munge = self.folder / "munge"
        munge.mkdir(mode=0o755)
        (munge / "key").write_bytes(os.urandom(1024))
        (munge / "key").chmod(0o400)
        user = pwd.getpwnam("munge")
        for path in (munge, munge / "key"):
            os.chown(path, user.pw_uid, user.pw_gid)
        for name in ("state", "spool"):
            (self.folder / name).mkdir()
        controller_port, node_port = free_ports(2)
        (self.folder / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\n")  # the other needs systemd
        (self.folder / "slurm.conf").write_text("\n".join([
            "ClusterName=bnlab", f"SlurmctldHost={self.host}(127.0.0.1)", f"SlurmctldPort={controller_port}",
            f"SlurmdPort={node_port}", "SlurmUser=root", "AuthType=auth/munge", f"AuthInfo=socket={munge}/socket",
            "ProctrackType=proctrack/linuxproc", "TaskPlugin=task/none", "JobAcctGatherType=jobacct_gather/none",
            "AccountingStorageType=accounting_storage/none", "JobCompType=jobcomp/none", "MpiDefault=none",
            "SelectType=select/cons_tres", "SelectTypeParameters=CR_CPU", "ReturnToService=2",
            "SlurmdParameters=config_overrides", f"StateSaveLocation={self.folder}/state",
            f"SlurmdSpoolDir={self.folder}/spool", f"SlurmctldLogFile={self.folder}/slurmctld.log",
            f"SlurmdLogFile={self.folder}/slurmd.log", f"SlurmctldPidFile={self.folder}/slurmctld.pid",
            f"SlurmdPidFile={self.folder}/slurmd.pid", "MaxArraySize=9", "KillWait=5",
            f"NodeName={self.host} NodeAddr=127.0.0.1 CPUs=4 State=UNKNOWN",
            f"PartitionName=main Nodes={self.host} Default=YES MaxTime=INFINITE State=UP", ""]))

    def __enter__(self):
        try:
            self.configure()
            munge = self.folder / "munge"
            self.start("munged", "--foreground", f"--socket={munge}/socket", f"--key-file={munge}/key",
                       f"--pid-file={munge}/pid", f"--log-file={munge}/log", f"--seed-file={munge}/seed", user="munge")
            wait_until((munge / "socket").exists, "munged's socket", self.daemons)
            self.start("slurmctld", "-D", "-c")
            self.start("slurmd", "-D", "-N", self.host)
            wait_until(lambda: self.slurm("sinfo", "--noheader", "--format=%T").stdout.strip() == "idle",
                       "an idle node", self.daemons)
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            for path in sorted(self.folder.glob("*.log")) + sorted(self.folder.glob("*.out")):
                print(f"---- {path.name}\n" + "".join(path.open(errors="replace").readlines()[-30:]))
        if len(self.daemons) == 3 and self.daemons[1].poll() is None:
            self.slurm("scancel", "--user=root")
            with contextlib.suppress(AssertionError):  # slurmd leaves its jobs alone when it ends
                end = time.monotonic() + 20
                wait_until(lambda: time.monotonic() > end or not self.slurm("squeue", "--noheader").stdout.strip(),
                           "no jobs")
        for daemon in reversed(self.daemons):
            daemon.terminate()
            try:
                daemon.wait(20)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()


def table_without_times(folder):
    """runs.csv as text, but for the columns that measure time or depend on it."""
    with open(folder / "runs.csv", newline="") as file:
        rows = list(csv.reader(file))
    keep = [i for i, name in enumerate(rows[0]) if name not in ("seconds", "steps_per_second", "train_sha256")]
    check(len(keep) == len(rows[0]) - 3, f"columns of runs.csv: {rows[0]}")
    text = io.StringIO()
    csv.writer(text).writerows([[row[i] for i in keep] for row in rows])
    return text.getvalue()


def running_task(cluster, sweep):
    """(task of Slurm, directory of the run) of one that has just begun to train."""
    tasks = cluster.slurm("squeue", "--noheader", "--array", "--states=RUNNING", "--format=%i %j %K").stdout
    for line in tasks.splitlines():
        task, name, index = line.split()
        directories = (sweep / "slurm" / f"{name.rsplit('-', 1)[1]}.directories").read_text().splitlines()
        directory = pathlib.Path(*shlex.split(directories[int(index) - 1]))
        rows = directory / "train.csv"
        if rows.exists() and 2 < rows.read_bytes().count(b"\n") < 100:
            return task, directory
    return None


def sweep_through(cluster, experiment, out, *arguments):
    sweep = subprocess.Popen([str(BNLAB), "sweep", str(experiment), "--executor", "slurm", "--out", str(out),
                              "--slurm-poll", "1", "--slurm-time", "10", "--slurm-partition", "main",
                              "--slurm-option=--comment=a sweep", *arguments],
                             env=cluster.environment, stdin=subprocess.DEVNULL, text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    sweep.name = "bnlab sweep"
    return sweep


def test(folder, cluster):
    experiment = folder / "experiment.json"
    experiment.write_text(json.dumps(EXPERIMENT))
    local, out = folder / "local", folder / "a sweep's \u00fc directory"
    started = time.monotonic()
    result = run(BNLAB, "sweep", experiment, "--out", local)
    check(result.returncode == 0, result.stdout + result.stderr)
    print(f"locally: {time.monotonic() - started:.1f} s")

    started = time.monotonic()
    sweep = sweep_through(cluster, experiment, out)
    try:
        task, directory = wait_until(lambda: running_task(cluster, out), "a run that has begun", [sweep])
        check(cluster.slurm("scancel", task).returncode == 0, "scancel")
        output, _ = sweep.communicate(timeout=TIMEOUT)
    finally:
        if sweep.poll() is None:
            sweep.kill()
            print(sweep.communicate()[0])
    print(output)
    print(f"through Slurm: {time.monotonic() - started:.1f} s")
    check(sweep.returncode == 0, f"status {sweep.returncode}")
    # 12 runs in arrays of at most 8, and the one that was ended again.
    submissions = sorted((out / "slurm").glob("*.directories"))
    lines = [path.read_text().splitlines() for path in submissions]
    check([len(one) for one in lines] == [8, 4, 1], f"submissions of {[len(one) for one in lines]} runs")
    check(lines[2][0].count(directory.name) == 1, f"{directory.name} was ended, {lines[2][0]} submitted again")
    table = table_without_times(out)
    check(table.count("completed") == RUNS, table)
    check(table == table_without_times(local), f"locally:\n{table_without_times(local)}\nthrough Slurm:\n{table}")

    # An ablation, detached: the jobs continue alone, and the same command collects their results.
    detached = folder / "detached"
    config = folder / "config.json"
    config.write_text(json.dumps(EXPERIMENT["base"]))
    ablation = ["--grid", "normalization.type=batch,none", "--seeds", "6", "--set", "training.steps=200"]
    sweep = sweep_through(cluster, config, detached, "--no-wait", *ablation)
    output, _ = sweep.communicate(timeout=TIMEOUT)
    check(sweep.returncode == 0, output)
    wait_until(lambda: len(list(detached.glob("runs/*/run.json"))) == RUNS, "the detached runs")
    sweep = sweep_through(cluster, config, detached, *ablation)
    output, _ = sweep.communicate(timeout=TIMEOUT)
    check(sweep.returncode == 0, output)
    check(len(list((detached / "slurm").glob("*.commands"))) == 2, "what was done is submitted again: " + output)
    check(table_without_times(detached).count("completed") == RUNS, output)

    # A run that failed is submitted again where that is asked for, and alone.
    failed = sorted(detached.glob("runs/*/run.json"))[0]
    failed.write_text(json.dumps({**json.loads(failed.read_text()), "status": "failed"}))
    for more, status, submissions in (([], 1, 2), (["--retry-failed"], 0, 3)):
        sweep = sweep_through(cluster, config, detached, *ablation, *more)
        output, _ = sweep.communicate(timeout=TIMEOUT)
        check(sweep.returncode == status, output)
        check(len(list((detached / "slurm").glob("*.commands"))) == submissions, output)
    check(len((detached / "slurm" / "0003.commands").read_text().splitlines()) == 1, "one run is submitted again")
    check(table_without_times(detached).count("completed") == RUNS, output)

    # Runs that start from others' weights wait for those: Slurm's jobs for a job, or this process for its runs.
    experiment.write_text(json.dumps({
        "base": EXPERIMENT["base"], "seeds": 2,
        "arms": [{"name": "start"}, {"name": "child", "set": {"initialization.from": "arm:start"}}]}))
    for name, wait in (("family", []), ("detached family", ["--no-wait"])):
        sweep = sweep_through(cluster, experiment, folder / name, "--set", "training.steps=100", *wait)
        output, _ = sweep.communicate(timeout=TIMEOUT)
        check(sweep.returncode == 0, output)
        check((", after " in output) == bool(wait), output)
        wait_until(lambda: len(list((folder / name).glob("runs/*/run.json"))) == 4, f"the runs of the {name}")
        sweep = sweep_through(cluster, experiment, folder / name, "--set", "training.steps=100")
        output, _ = sweep.communicate(timeout=TIMEOUT)
        check(sweep.returncode == 0, output)
        check(table_without_times(folder / name).count("completed") == 4, output)
        # With two seeds; where this process waits, the child of the seed that ends first may go alone.
        submissions = len(list((folder / name / "slurm").glob("*.commands")))
        check(submissions == 2 or (submissions == 3 and not wait), f"{submissions} submissions of the {name}: {output}")


def main():
    if os.geteuid() != 0:
        skip("only root can start slurmd")
    for path in OWN_SLURM:
        if os.path.exists(path):
            skip(f"{path} exists: the Slurm of this machine is left alone")
    if "SLURM_CONF" in os.environ:
        skip("SLURM_CONF is set: that Slurm is left alone")
    # An end by a signal is to stop the daemons too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    signal.signal(signal.SIGHUP, lambda *_: sys.exit(1))
    started = time.monotonic()
    install()
    print(f"installed after {time.monotonic() - started:.1f} s")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="bnlab_slurm_"))
    try:
        with Cluster(folder) as cluster:
            print(f"a cluster after {time.monotonic() - started:.1f} s")
            test(folder, cluster)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"done after {time.monotonic() - started:.1f} s")


if __name__ == "__main__":
    main()
