"""Where a value may stand in a command: a table of what is refused and of what is not."""

from __future__ import annotations

import pytest

from aiops.core.programs import Argument, Command, sways_a_program


def command(argv: str, declared: str = "", runs: tuple[str, ...] = ()) -> Command:
    """A command of words; `@` is a value, `_` a space inside of an argument."""
    arguments = [Argument(tuple(word.replace("_", " ").split("@"))) for word in argv.split(" ")]
    return Command(arguments, declared, runs)


REFUSED = """
env bash -c rm_@
env @
env X=@ prog
sudo sh -c rm_@
sudo @
timeout 5 bash -c @
xargs -I {} sh -c @
docker exec c1 sh -c @
docker exec c1 @
docker run image @
podman exec c1 @
kubectl exec p -- sh -c @
kubectl exec p -- @
kubectl debug @
bash -c @
bash -c -- @
bash -c -x @
bash -x -c @
bash script @
bash @
sh --rcfile=@
/bin/bash -c @
/usr/bin/../../bin/bash @
bash5.2 -c @
Bash.exe -c @
perl -e@
perl -e unlink(@)
perl -E @
perl @
php -r @
node -p @
node @
python3 -c @
python3.11 @
ruby -e @
psql --command=@
psql -c @
psql -h @
mysql -e @
mariadb -e kill_@
sqlite3 db @
redis-cli eval @ 0
redis-cli @
mongosh --eval @
awk BEGIN{@}
awk @ file
gawk @
sed s/x/@/ file
sed @
jq @
pwsh -Command @
pwsh -File script -- @
cmd /c @
powershell @
find @ -delete
find / -name @ -exec rm {} +
ssh db1 df @
ssh @
sshpass -p x ssh db1 @
rsync @ there
scp @ there
git clone @
curl @
make @
vim -c @
watch df @
parallel df @
su -c @
at now @
nice @
nohup @
setsid -- @
flock /lock @
systemd-run @
busybox sh -c @
npx @
npm run @
tool exec @
tool eval @
tool -exec @
tool --command=@
tool --eval @
tool --init-command=@
tool bash -c @
tool /usr/bin/node @
tool --rsh=ssh @
--@
tool --@
tool -@
tool -m@
tool @;x
tool a_@
tool '@'
tool $(@)
tool `@`
tool @|x
tool @_@
@ x
""".strip().splitlines()


@pytest.mark.parametrize("argv", REFUSED)
def test_a_value_stands_nowhere_where_it_could_become_a_command(argv: str) -> None:
    assert list(command(argv).wrong())


ALLOWED = """
tool @
tool -- @
tool --of=@
tool --of @ -- @
tool -m @
tool a/@
tool @:9100
tool user@@x.service
df -h -- @
du -x --max-depth=2 -- @
ip -s link show dev @
systemctl restart -- @
journalctl --vacuum-size=1G --unit=@
kubectl get pod @
kubectl cordon node @
rabbitmqctl list_consumers -- @
disk-report --json --mount @
tool node @
tool start @
bash -c df
sudo systemctl restart x
psql -c select_1
""".strip().splitlines()


@pytest.mark.parametrize("argv", ALLOWED)
def test_a_value_stands_where_it_is_data(argv: str) -> None:
    assert list(command(argv).wrong()) == []


DECLARED = """
bash -c rm_-rf_--_"$1" -- @
bash -c x -- @ y @
sh -euc x -- @
bash /opt/clean.sh -- @
python3 /opt/clean.py -- @
perl -e x -- @
sudo -- disk-clean -- @
sudo -u root -- disk-clean --now -- @
env -- prog -- @
timeout -- 5 prog -- @
kubectl exec p -- disk-clean -- @
sudo -- env -- disk-clean -- @
sudo -- bash -c x -- @
docker exec -- c1 disk-clean -- @
""".strip().splitlines()


@pytest.mark.parametrize("argv", DECLARED)
def test_behind_a_fixed_script_and_two_dashes_a_step_may_say_that_values_are_data(argv: str) -> None:
    assert list(command(argv, "after_double_dash").wrong()) == []
    assert list(command(argv).wrong())
    assert list(command(argv, "environment").wrong())


@pytest.mark.parametrize(
    "argv",
    """
bash -- @
bash -c -- @
bash -c @ --
bash -c x @
bash -c x -y -- @
bash -x script -- @
bash -o posix -- @
bash -c x -- a@
bash -c x -- --of=@
env -- @
sudo -- @
sudo -u root @
sudo -- env -- @
sudo bash -c x -- @
sudo -- bash -- @
kubectl exec p -- @
kubectl exec @ -- x -- y
docker exec c1 disk-clean -- @
perl -ne x -- @
awk x -- @
sed x -- @
jq x -- @
psql -c x -- @
sqlite3 db x -- @
redis-cli -- @
ssh -- db1 df -- @
su -- root -- @
watch -- df -- @
xargs -- rm -- @
parallel -- df -- @
find -- x -- @
pwsh -Command x -- @
npm run x -- @
make -- x -- @
tool bash -c x -- @
sudo -- tool eval x -- @
busybox -- sh -- @
eval -- x -- @
env -- prog --command=@ -- x
""".strip().splitlines(),
)
def test_what_a_step_says_does_not_make_a_command_of_data(argv: str) -> None:
    assert list(command(argv, "after_double_dash").wrong())


def test_the_name_of_the_file_counts_whatever_the_configuration_calls_it() -> None:
    assert list(command("clean @").wrong()) == []
    assert list(command("clean @", runs=("bash",)).wrong())


def test_arguments_of_the_author_are_recognised() -> None:
    assert Argument(("--of=", "")).fits("--of=$(x)")
    assert Argument(("x",)).fits("x")
    assert not Argument(("x",)).fits("y")
    assert not Argument(("--of=", "/a")).fits("--of=/")
    assert not Argument(("aa", "aa")).fits("aaa")


@pytest.mark.parametrize(
    "name",
    [
        "LD_PRELOAD", "BASH_ENV", "ENV", "PATH", "IFS", "PYTHONPATH", "PERL5OPT",
        "RUBYOPT", "NODE_OPTIONS", "JAVA_TOOL_OPTIONS", "GIT_SSH_COMMAND", "GIT_EXTERNAL_DIFF", "PAGER", "EDITOR",
        "PS4", "PROMPT_COMMAND", "LESSOPEN", "PGOPTIONS", "KUBECONFIG", "https_proxy", "HOME",
    ],
)  # fmt: skip
def test_variables_that_make_programs_start_something(name: str) -> None:
    assert sways_a_program(name)


@pytest.mark.parametrize("name", ["MOUNTPOINT", "LABEL", "OF", "PGDATABASE", "NAMESPACE", "UNIT", "REPORT"])
def test_variables_that_are_data(name: str) -> None:
    assert not sways_a_program(name)
