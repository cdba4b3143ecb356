"""The demo, and the documents that show commands."""

import re
import shlex
import subprocess

from support import ROOT


def test_demo_ends_well_and_cleans_up(binary, tmp_path):
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        [ROOT / "examples" / "demo.sh", binary],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("\n$ vecferry ") == 7
    assert done.stdout.count("equal: 420 points") == 3
    assert '"verified":true' in done.stdout
    assert "deadlock" in done.stdout
    assert "Done: three copies, equal in every point" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_readme_commands_work(vecferry, folder):
    """Runs the block under "A copy in one minute" as a reader would paste it."""
    (folder / "build" / "release").mkdir(parents=True)
    (folder / "build" / "release" / "vecferry").symlink_to(vecferry.binary)
    (folder / "examples").symlink_to(ROOT / "examples")
    readme = (ROOT / "README.md").read_text()
    block = re.search(r"## A copy in one minute.*?```sh\n(.*?)```", readme, re.DOTALL).group(1)
    commands = [line for line in block.splitlines() if line and not line.startswith("#")]
    assert len(commands) >= 4
    script = "set -eu\n" + "\n".join(commands)
    done = subprocess.run(
        ["sh", "-c", script],
        cwd=vecferry.folder,
        env=vecferry.environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_links_between_the_pages_lead_somewhere():
    pages = [ROOT / "README.md", ROOT / "examples" / "README.md", *(ROOT / "docs").rglob("*.md")]
    broken = [
        f"{page.relative_to(ROOT)}: {link}"
        for page in pages
        for link in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text())
        if not (page.parent / link).exists()
    ]
    assert broken == []


def test_cli_page_is_current(binary):
    done = subprocess.run(
        ["python3", ROOT / "tools" / "make_cli_docs.py", "--check", binary],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_skill_commands_work(vecferry, docs, folder):
    """Every command of the agents' page, one after the other, as they stand there."""
    page = (ROOT / "skills" / "collection-migration" / "SKILL.md").read_text()
    commands = [
        line
        for block in re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
        for line in block.splitlines()
    ]
    assert len(commands) >= 18
    for command in commands:
        program, *words = shlex.split(command)
        assert program == "vecferry"
        vecferry.run(*words)
    compared = vecferry.json("verify", "local:db/manuals", "local:db/whole")
    assert compared["equal"] and compared["points_a"] == 420
