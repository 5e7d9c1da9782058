"""Great Expectations' own pages of the last run, from the results the run has already.

The content of a page is drawn by Great Expectations' renderers and section templates. The frame
around it is ours (data_docs_pages/): as shipped it loads 19 files from elsewhere and an image that
reports who reads it, and without them its index is empty. These pages load nothing and run no
script. What they show are counts of rows per rule, and counts over published marts.

Importing this module imports Great Expectations (6-8 seconds): do so inside functions only.
"""

from __future__ import annotations

import html
import json
import os
import shutil
from collections.abc import Sequence
from datetime import datetime
from itertools import chain, count
from pathlib import Path

import great_expectations as gx
from great_expectations.core.expectation_validation_result import (
    ExpectationSuiteValidationResult,
    expectationSuiteValidationResultSchema,
)
from great_expectations.render.renderer.page_renderer import (
    ExpectationSuitePageRenderer,
    ValidationResultsPageRenderer,
)
from great_expectations.render.view import DefaultJinjaPageView

# Imported for more than the function: the expectation in there draws itself.
from expectations.judging.suites import raised

FRAMES = Path(__file__).with_name("data_docs_pages")


def keep(
    folder: Path, suite: str, asset: str, validations: Sequence[ExpectationSuiteValidationResult]
) -> Path:
    """Write what Great Expectations said of one suite as JSON, its own format.

    Parameters
    ----------
    folder : where the run keeps its results
    suite : name of the table the results are about; one file each
    asset : what Great Expectations was given to look at
    validations : results over parts of that table, kept as one
    """
    results = [result for part in validations for result in part.to_json_dict()["results"]]
    for result in results:
        # One entry per file and rule, which no page shows; and what an engine said may hold a cell.
        (result["result"].get("details") or {}).pop("files", None)
        result["exception_info"] = {
            "raised_exception": raised(result["exception_info"]),
            "exception_message": "see the log of the task",
            "exception_traceback": "",
        }
    n_good = sum(result["success"] for result in results)
    kept = {
        "success": n_good == len(results),
        "suite_name": suite,
        "suite_parameters": {},
        "results": results,
        "statistics": {
            "evaluated_expectations": len(results),
            "successful_expectations": n_good,
            "unsuccessful_expectations": len(results) - n_good,
            "success_percent": 100 * n_good / len(results) if results else None,
        },
        "meta": {
            "great_expectations_version": gx.__version__,
            "batch_spec": {"data_asset_name": asset},
        },
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{suite}.json"
    path.write_text(json.dumps(kept, indent=1), encoding="utf-8")
    return path


def write_data_docs(validations: Path, target: Path, run_id: str, run_at: datetime) -> Path:
    """Draw the kept results of one run and switch ``target`` to them; earlier pages are deleted.

    Parameters
    ----------
    validations : folder `keep` wrote to
    target : becomes a link to the folder with the pages, which lies beside it
    run_id, run_at : shown on every page

    Returns
    -------
    Path
        The index.
    """
    pages = _unused(target.with_name(f"{target.name}-{run_id}"))
    view = DefaultJinjaPageView(custom_views_directory=str(FRAMES))
    style = (FRAMES / "style.css").read_text(encoding="utf-8")
    frame = {"style": style, "run_id": run_id, "version": gx.__version__}
    suites = []
    for path in sorted(validations.glob("*.json")):
        validation = _read(path, run_id, run_at)
        name = validation.suite_name
        # The folders Great Expectations uses, which its links between pages rely on.
        at = f"validations/{name}/{run_id}/{run_at:%Y%m%dT%H%M%S.%fZ}/{name}.html"
        validated = ValidationResultsPageRenderer().render(validation)
        _write(pages / at, view.render(validated, "page.html", home="../" * 4, **frame))
        expected = ExpectationSuitePageRenderer().render(_suite_of(validation))
        expected_at = pages / "expectations" / f"{name}.html"
        _write(expected_at, view.render(expected, "page.html", home="../", **frame))
        suites.append({"name": name, "page": at, "is_good": validation.success})
        suites[-1] |= validation.statistics
    suites.sort(key=lambda suite: (suite["is_good"], suite["name"]))
    index = view.env.get_template("index.html").render(suites=suites, **frame)
    _write(pages / "index.html", index)
    _switch(target, pages)
    return target / "index.html"


def _read(path: Path, run_id: str, run_at: datetime) -> ExpectationSuiteValidationResult:
    """Read a kept result; what stands in rules.yml is text on a page, never markup."""
    kept = json.loads(path.read_text(encoding="utf-8"))
    kept["meta"]["run_id"] = {"run_name": run_id, "run_time": f"{run_at.isoformat()}+00:00"}
    for result in kept["results"]:
        config = result["expectation_config"]
        if config.get("description"):
            described = f"{config['meta']['rule_id']} {config['description']}"
            config["description"] = html.escape(described).replace("$", "&#36;")
        # A single note would be drawn in red.
        config["notes"] = [config["notes"]]
    read: ExpectationSuiteValidationResult = expectationSuiteValidationResultSchema.load(kept)
    return read


def _suite_of(validation: ExpectationSuiteValidationResult) -> gx.ExpectationSuite:
    written = [result.expectation_config for result in validation.results]
    expected = [config.to_domain_obj() for config in written if config is not None]
    return gx.ExpectationSuite(name=validation.suite_name, expectations=expected)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _unused(folder: Path) -> Path:
    """Return ``folder``, or that name with a number: a run may be audited twice."""
    numbered = (folder.with_name(f"{folder.name}-{number}") for number in count(2))
    return next(path for path in chain([folder], numbered) if not path.exists())


def _switch(target: Path, pages: Path) -> None:
    """Point ``target`` to ``pages`` by one rename, then delete what it pointed to before."""
    link = target.with_name(f".{target.name}.part")
    link.unlink(missing_ok=True)
    link.symlink_to(pages.name, target_is_directory=True)
    os.replace(link, target)
    for old in target.parent.glob(f"{target.name}-*"):
        if old != pages:
            shutil.rmtree(old, ignore_errors=True)
