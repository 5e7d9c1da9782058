"""The service form: what docker-compose.yml, the Dockerfile and .env.example promise."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

from tests import needs

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker-compose.yml"
AIRFLOW_SERVICES = {"migrate", "api-server", "scheduler", "dag-processor", "triggerer"}
SETTINGS = {"RAPPORT_APPROVAL_HOURS"}  # no secrets, so they may have a default
SECRETS = {
    "AIRFLOW_POSTGRES_PASSWORD",
    "AIRFLOW_FERNET_KEY",
    "AIRFLOW_API_SECRET_KEY",
    "AIRFLOW_JWT_SECRET",
    "RAPPORT_ADMIN_PASSWORD",
    "RAPPORT_QA_PASSWORD",
    "RAPPORT_KEY",
}


@pytest.fixture(scope="module")
def compose():
    return yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def services(compose):
    return compose["services"]


def test_the_service_has_every_part_of_airflow_and_a_database(services):
    assert set(services) == AIRFLOW_SERVICES | {"postgres", "rapport"}


def test_each_part_runs_its_own_command(services):
    expected = {
        "api-server": "exec airflow api-server",
        "scheduler": "airflow scheduler --skip-serve-logs",
        "dag-processor": "airflow dag-processor",
        "triggerer": "airflow triggerer --skip-serve-logs",
    }
    for name, command in expected.items():
        assert " ".join(services[name]["command"]).strip().endswith(command), name


def test_every_secret_is_required_and_has_no_default():
    text = re.sub(r"^\s*#.*$", "", COMPOSE.read_text(encoding="utf-8"), flags=re.M)
    used = re.findall(r"(?<!\$)\$\{(\w+)([^}]*)\}", text)

    assert {name for name, _ in used} == SECRETS | SETTINGS
    secret = [(name, rest) for name, rest in used if name not in SETTINGS]
    assert [name for name, rest in secret if not rest.startswith(":?set ")] == []
    assert not re.search(r"(?<!\$)\$[A-Za-z_]", text), "an unbraced variable may be empty"


def test_no_environment_value_that_names_a_secret_is_a_literal(services):
    secret = re.compile(r"PASSWORD$|SECRET|FERNET|_KEY$|SQL_ALCHEMY_CONN")
    found = {
        (service, name): str(value)
        for service, settings in services.items()
        for name, value in settings.get("environment", {}).items()
        if secret.search(name)
    }

    assert len(found) >= 20
    assert [where for where, value in found.items() if ":?" not in value] == []


def test_the_example_names_every_secret_and_gives_no_value():
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    settings = [line for line in lines if line and not line.startswith("#")]

    assert {line.split("=")[0] for line in settings} == SECRETS
    assert [line for line in settings if line.split("=", 1)[1]] == []


def test_git_and_the_image_never_take_the_env_file():
    ignored = subprocess.run(
        ["git", "check-ignore", "--no-index", "-q", ".env"], cwd=ROOT, check=False
    )
    assert ignored.returncode == 0, "add .env to .gitignore"
    patterns = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert next(line for line in patterns if line and not line.startswith("#")) == "*"
    assert not {"!data/", "!vault/", "!.env", "!landing/"} & set(patterns)


def test_airflow_processes_share_secrets_and_find_the_api(services):
    shared = (
        "AIRFLOW__API_AUTH__JWT_SECRET",
        "AIRFLOW__API__SECRET_KEY",
        "AIRFLOW__CORE__FERNET_KEY",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL",
    )
    for key in shared:
        values = {services[name]["environment"][key] for name in AIRFLOW_SERVICES}
        assert len(values) == 1, key
    url = services["scheduler"]["environment"]["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"]
    assert url == "http://api-server:8080/execution/"


def test_nothing_reports_home():
    """Airflow 3.3.2 has no usage collection left to turn off; dbt and GX have."""
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    for setting in ("DO_NOT_TRACK=1", "ANONYMOUS_USAGE_STATS=false", "GX_ANALYTICS_ENABLED=false"):
        assert setting in dockerfile


def test_only_the_web_interface_is_published_and_only_on_this_machine(services):
    published = {name: s["ports"] for name, s in services.items() if "ports" in s}

    assert published == {"api-server": ["127.0.0.1:8080:8080"]}


def test_only_what_runs_steps_holds_the_vault_and_its_key(services):
    mounts = {
        name
        for name, settings in services.items()
        for volume in settings.get("volumes", [])
        if volume.startswith("rapport_home:")
    }
    holds_key = {n for n, s in services.items() if "RAPPORT_KEY" in s.get("environment", {})}

    assert mounts == {"scheduler", "rapport"}
    assert holds_key == mounts


def test_the_web_interface_shows_reports_and_cannot_write_them(services):
    mounts = {
        name: [v for v in settings.get("volumes", []) if v.startswith("rapport_reports:")]
        for name, settings in services.items()
    }
    writes = "rapport_reports:/var/lib/rapport/reports"

    assert {name: found for name, found in mounts.items() if found} == {
        "api-server": [f"{writes}:ro"],
        "scheduler": [writes],
        "rapport": [writes],
    }
    # A new volume takes the owner of the folder in the image.
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert re.search(r"install -d -o rapport [^&]*/var/lib/rapport/reports\b", dockerfile)


def test_the_qa_lead_may_answer_and_not_administer(services):
    users = services["api-server"]["environment"]["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS"]

    assert set(users.split(",")) == {"admin:admin", "qa:user"}


def test_every_named_volume_and_network_is_declared(compose, services):
    mounted = [v for s in services.values() for v in s.get("volumes", [])]
    volumes = {v.split(":")[0] for v in mounted if not v.startswith("./")}
    networks = {n for s in services.values() for n in s["networks"]}

    assert volumes == set(compose["volumes"])
    assert networks == set(compose["networks"])
    assert {v for v in mounted if v.startswith("./")} == {"./config:/opt/rapport/config:ro"}
    assert compose["networks"]["inside"] == {"internal": True}


def test_services_wait_for_the_database_and_the_migration(services):
    assert services["migrate"]["depends_on"]["postgres"]["condition"] == "service_healthy"
    for name in AIRFLOW_SERVICES - {"migrate"}:
        waits = services[name]["depends_on"]["migrate"]["condition"]
        assert waits == "service_completed_successfully", name


def test_no_part_can_change_its_image_and_what_it_must_write_to_is_given(services):
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    airflow_home = re.search(r"AIRFLOW_HOME=(\S+)", dockerfile)[1]
    for name, settings in services.items():
        assert settings["read_only"] is True, name
        assert "no-new-privileges:true" in settings["security_opt"], name
        assert "privileged" not in settings
        assert "user" not in settings, "the image's own user, which is not root"
        written = {mount.split(":")[0] for mount in settings["tmpfs"]}
        assert "/tmp" in written, name
        if name != "postgres":
            assert airflow_home in written, name
            assert settings["cap_drop"] == ["ALL"]
    assert re.search(r"^USER rapport$", dockerfile, flags=re.M)


def test_every_part_that_stays_up_has_a_health_check(services):
    for name in (AIRFLOW_SERVICES - {"migrate"}) | {"postgres"}:
        check = services[name]["healthcheck"]
        assert check["test"], name
        assert check["retries"] >= 3, name


def test_job_types_of_the_health_checks_exist(services):
    from importlib.util import find_spec

    jobs = Path(find_spec("airflow").submodule_search_locations[0]) / "jobs"
    known = set(
        re.findall(r'job_type = "(\w+)"', "".join(p.read_text() for p in jobs.glob("*.py")))
    )

    for name in ("dag-processor", "triggerer"):
        assert services[name]["environment"]["JOB_TYPE"] in known - {"undefined"}


def test_migration_creates_the_pool_the_dag_uses(services):
    command = " ".join(services["migrate"]["command"])
    pools = set(re.findall(r'pool="(\w+)"', (ROOT / "dags" / "nightly.py").read_text()))

    assert pools
    for pool in pools:
        assert f"airflow pools set {pool} 1 " in command


def test_containers_gain_no_rights(services):
    for name in AIRFLOW_SERVICES | {"rapport"}:
        assert services[name]["cap_drop"] == ["ALL"], name
        assert services[name]["security_opt"] == ["no-new-privileges:true"], name


def test_the_image_installs_the_hashed_lock_and_drops_root():
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    instructions = [
        line.split()[0] for line in dockerfile.splitlines() if re.match(r"[A-Z]+ ", line)
    ]

    assert "FROM python:3.11-slim" in dockerfile
    assert "pip install --no-deps --require-hashes -r requirements.txt" in dockerfile
    assert re.findall(r"^USER (\w+)$", dockerfile, re.M) == ["rapport"]
    assert "RUN" not in instructions[instructions.index("USER") :]


def test_everything_the_image_copies_exists():
    kept = re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(encoding="utf-8"), re.M)

    assert {"dags/", "pipeline/", "transforms/", "config/", "requirements.txt"} <= set(kept)
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    patterns = tools["setuptools"]["packages"]["find"]["include"]
    rooms = [name for pattern in patterns if (ROOT / (name := pattern.rstrip("*"))).is_dir()]
    needed = [*rooms, *tools["rapport"]["project-files"], "setup.py", "LICENSE"]
    assert [name for name in needed if not {name, f"{name}/"} & set(kept)] == []
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    compiled = re.search(r"compileall -q ([a-z ]+)", dockerfile).group(1).split()
    assert {f"{folder}/" for folder in compiled} <= set(kept)
    assert [name for name in kept if not (ROOT / name).exists()] == []


@pytest.fixture(scope="module")
def airflow_options(tmp_path_factory):
    """Every option of the installed Airflow, as it would be named in the environment."""
    code = (
        "from airflow.configuration import conf;"
        "print(*(f'AIRFLOW__{s}__{o}'.upper() for s, d in "
        "conf.configuration_description.items() for o in d['options']))"
    )
    home = tmp_path_factory.mktemp("airflow")
    listed = subprocess.run(
        [
            shutil.which("python", path=str(ROOT / ".venv/bin")) or "python",
            "-W",
            "ignore",
            "-c",
            code,
        ],
        env={"PATH": os.environ["PATH"], "AIRFLOW_HOME": str(home)},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(listed.stdout.split())


def test_every_airflow_setting_is_one_airflow_knows(services, airflow_options):
    used = {
        name
        for settings in services.values()
        for name in settings.get("environment", {})
        if name.startswith("AIRFLOW__")
    }

    assert len(used) > 12
    assert used - airflow_options == set()


@needs.without(needs.COMPOSE)
def test_compose_accepts_the_file_and_refuses_a_missing_secret(tmp_path):
    command = [*needs.COMPOSE.find(), "--env-file", "/dev/null", "-f", str(COMPOSE), "config", "-q"]
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    filled = environment | dict.fromkeys(SECRETS, "0" * 64)

    assert subprocess.run(command, env=filled, check=False).returncode == 0
    for missing in sorted(SECRETS):
        partial = {name: value for name, value in filled.items() if name != missing}
        refused = subprocess.run(command, env=partial, capture_output=True, text=True, check=False)
        assert refused.returncode != 0, missing
        assert missing in refused.stderr


def test_every_service_page_names_secrets_and_users_that_exist():
    page = (ROOT / "docs" / "service.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:RAPPORT|AIRFLOW)_[A-Z]+(?:_[A-Z]+)*)`", page))

    instead_of_a_key = {"RAPPORT_KEY_FILE", "RAPPORT_KEY_VARIABLE", "RAPPORT_NEW_KEY"}
    assert named - SECRETS - SETTINGS <= {"RAPPORT_HOME"} | instead_of_a_key
    assert {"RAPPORT_KEY", "RAPPORT_ADMIN_PASSWORD", "RAPPORT_QA_PASSWORD"} <= named
