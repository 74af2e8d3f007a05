"""The image without a Docker engine: its Dockerfile is read with BuildKit's parser, the last stage is
carried out on a bare Debian of the same release, and run-all and serve of docker-compose.yml run in it
against a PostGIS, as the image's user, with nothing writable but the data.

    image.py PROGRAM FOLDER        as root; PROGRAM is what the build stage would make
"""

import fnmatch
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request
from pathlib import Path

import dockerfile
import yaml

ROOT = Path(__file__).resolve().parents[2]
BARE = ROOT / "deploy/check/bare.sh"
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
CLUSTER = ROOT / "tests/postgis/cluster.sh"


def say(text):
    print(f"image: {text}", file=sys.stderr)


def stages():
    """Lists of instructions, one for each FROM."""
    found = []
    for line in dockerfile.parse_file(str(ROOT / "Dockerfile")):
        if line.cmd.upper() == "FROM":
            found.append([])
        found[-1].append(line)
    return found


def check_build_stage(stage):
    """It has the compiler that Cargo.toml asks for, installs what `make setup` does, and the build context has every file that goes in."""
    cargo = tomllib.loads((ROOT / "Cargo.toml").read_text())["package"]
    assert stage[0].value[0].startswith(f"rust:{cargo['rust-version']}-"), stage[0].original
    installed = next(l.value[0] for l in stage if l.cmd.upper() == "RUN" and "apt-get" in l.value[0])
    packages = set(installed.split("--no-install-recommends")[1].split()) - {"\\"}
    system = re.search(r"^SYSTEM := (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[1]
    assert packages == set(system.split()), f"{packages} in Dockerfile, {system} in Makefile"

    taken = [l[1:] for l in (ROOT / ".dockerignore").read_text().splitlines() if l.startswith("!")]
    notes = [p for p in (ROOT / "target").glob("*/mobility.d")]
    assert notes, "no build of the program has been here, which tells what goes into it"
    for name in set(" ".join(p.read_text().split(":", 1)[1] for p in notes).split()):
        path = Path(name).relative_to(ROOT)
        inside = any(fnmatch.fnmatch(str(path), t) or Path(t) in path.parents for t in taken)
        assert inside, f"{path} goes into the program, and .dockerignore leaves it out"
    for line in (l for l in stage if l.cmd.upper() == "COPY"):
        assert line.value == (".", "."), line.original
    say("the build stage installs what `make setup` does and gets every source file")


def make(stage, program, folder):
    """Carries the last stage out; gives the settings that an engine keeps."""
    kept = {}
    for line in stage:
        command, value = line.cmd.upper(), line.value
        if command == "FROM":
            assert value[0].startswith("debian:12"), f"{value[0]}, but bare.sh makes a Debian 12"
            subprocess.run([BARE, "make", folder], check=True)
        elif command == "RUN":
            done = subprocess.run(
                [BARE, "run", folder, "/bin/sh", "-c", value[0]], capture_output=True, text=True
            )
            assert done.returncode == 0, f"{line.original}\n{done.stdout}{done.stderr}"
        elif command == "COPY":
            *sources, target = value
            target = folder / target.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            for source in sources:
                from_build = any(f.startswith("--from") for f in line.flags)
                shutil.copy(program if from_build else ROOT / source, target)
        else:
            assert command in {"WORKDIR", "USER", "VOLUME", "EXPOSE", "ENTRYPOINT", "CMD"}, command
            kept[command] = value
    assert kept["USER"][0].split(":")[0] not in ("0", "root"), "the image runs as root"
    say("the last stage's steps work on a bare Debian 12")
    return kept


def inside(kept, folder, command, environment=(), writable=None, **how):
    """A command in the image, as compose starts it: read-only but for the folder `writable`."""
    user, data = kept["USER"][0].split(":")[0], writable or kept["VOLUME"][0]
    variables = " ".join(f"{name}={value}" for name, value in dict(environment).items())
    shell = [BARE, "read-only", folder, user, data, "env", "--chdir", kept["WORKDIR"][0]]
    return subprocess.Popen([*shell, *command], env={"ENVIRONMENT": variables, "PATH": PATH}, **how)


def finish(process):
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err


def ask(port, path, token=None):
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}")
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, ""


def role_of_serve(services, postgis):
    """Creates the role as the image of PostGIS does; returns the URL of serve."""
    script = next(v for v in services["postgis"]["volumes"] if "/docker-entrypoint-initdb.d/" in v)
    password = secrets.token_hex(16)
    subprocess.run(
        ["psql", "--no-psqlrc", "--quiet", "--file", ROOT / script.split(":")[0], postgis],
        env={"SERVE_POSTGIS_PASSWORD": password, "PATH": PATH},
        check=True,
        capture_output=True,
    )
    user = services["serve"]["environment"]["DATABASE_URL"].split("//")[1].split("@")[0]
    return re.sub("//[^@]*@", f"//{user}:{password}@", postgis)


def check_services(kept, folder, postgis):
    """`run-all` and `serve` of the compose file."""
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    program = list(kept["ENTRYPOINT"])
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    database = {"DATABASE_URL": postgis}

    def run(command, environment=()):
        return finish(inside(kept, folder, command, environment, **pipes))

    raw = f"{kept['VOLUME'][0]}/raw"
    small = ["--events", "50000", "--cells", "300", "--laus", "12"]
    status, _, err = run([*program, "synth", "--out", raw, *small])
    assert status == 0, err
    status, _, err = run([*program, *services["run-all"]["command"]], database)
    assert status == 0, err
    status, out, err = run([*program, "query", "users-per-lau-day-night", "--format", "csv"], database)
    assert status == 0 and len(out.splitlines()) == 13, f"{out}{err}"
    status, _, _ = run(["touch", "/srv/mobility/x"])
    assert status != 0, "the root file system can be written"
    say("run-all fills PostGIS, as the image's user, with a read-only root")

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    serve = [*program, *(word.replace("5000", port) for word in services["serve"]["command"])]
    writable = [v for v in services["serve"]["volumes"] if not v.endswith(":ro")]
    assert not writable, f"serve may write to {writable}"
    database = {"DATABASE_URL": role_of_serve(services, postgis)}
    status, _, err = run([*program, "load", "--force"], database)
    assert status != 0, "the role of serve may load"
    status, _, err = run(serve, database)
    assert status == 2 and "MOBILITY_SERVE_TOKEN" in err, f"without a token: {status} {err}"
    token = secrets.token_hex(16)
    environment = {**database, "MOBILITY_SERVE_TOKEN": token}
    status, _, err = run(serve, environment)
    assert status == 2 and "serve.behind_tls_proxy" in err, f"a token in clear: {status} {err}"
    proxy = "MOBILITY_SERVE_BEHIND_TLS_PROXY"
    environment[proxy] = services["serve"]["environment"][proxy]
    audience = "MOBILITY_SERVE_AUDIENCE"
    environment[audience] = services["serve"]["environment"][audience]
    # /tmp is empty and writable in any case
    server = inside(kept, folder, serve, environment, "/tmp", stdout=subprocess.DEVNULL)
    health = [*services["serve"]["healthcheck"]["test"][1:], port]
    deadline = time.monotonic() + 60
    while run(health)[0] != 0:
        assert time.monotonic() < deadline and server.poll() is None, "serve is not healthy"
        time.sleep(0.2)
    route = "/users-per-lau-day-night?format=csv"
    assert ask(port, route)[0] == 401, "it answers without the token"
    status, served = ask(port, route, token)
    assert (status, served) == (200, out), f"{status} {served}"
    server.terminate()
    assert server.wait(timeout=30) == 0, f"SIGTERM ends it with {server.returncode}"
    assert run(health)[0] != 0, "the health check is content without a server"
    say("serve wants its token, answers as query does with a role that only reads, and ends on SIGTERM")


def main(program, folder):
    build, last = stages()
    check_build_stage(build)
    kept = make(last, program, folder)
    cluster = folder.with_name(f"{folder.name}.postgis")
    started = subprocess.run(
        [CLUSTER, "start", cluster, "--throwaway"], check=True, capture_output=True, text=True
    )
    try:
        check_services(kept, folder, started.stdout.strip())
    finally:
        subprocess.run([CLUSTER, "stop", cluster], check=True)
        shutil.rmtree(cluster)
    shutil.rmtree(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve())
