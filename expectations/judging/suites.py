"""Great Expectations suites that judge counts, one suite per canonical table.

Importing this module costs 6-8 seconds: only `expectations.judging.judge` does, inside its
function. What reaches Great Expectations are counts of rows per rule and file; never a row.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from typing import Any, ClassVar

import great_expectations as gx
import pandas as pd
from great_expectations.core.expectation_validation_result import ExpectationSuiteValidationResult
from great_expectations.data_context.types.base import ProgressBarsConfig
from great_expectations.datasource.fluent.interfaces import Batch
from great_expectations.execution_engine import PandasExecutionEngine
from great_expectations.expectations.expectation import BatchExpectation
from great_expectations.expectations.metadata_types import FailureSeverity
from great_expectations.expectations.metrics.metric_provider import metric_value
from great_expectations.expectations.metrics.table_metric_provider import TableMetricProvider
from great_expectations.render import LegacyDiagnosticRendererType, RenderedStringTemplateContent
from great_expectations.render.renderer.renderer import renderer

from expectations.catalogue import Rule
from expectations.verdicts import state_of

# Great Expectations knows three severities; ours stays in the meta of each expectation.
# Font Awesome's names, as Great Expectations uses them on its own pages; and our word.
_SHOWN = {
    "pass": ("fa-check-circle", "Pass"),
    "fail": ("fa-times", "Fail"),
    "error": ("fa-exclamation-triangle", "Error"),
    "not_applicable": ("fa-minus", "Not applicable"),
}
SEVERITY = {
    "fatal": FailureSeverity.CRITICAL,
    "quarantine": FailureSeverity.CRITICAL,
    "warn": FailureSeverity.WARNING,
    "inform": FailureSeverity.INFO,
}


class RuleCounts(TableMetricProvider):
    """The counts of one rule, one entry per row of the frame."""

    metric_name = "rapport.rule_counts"
    value_keys = ("rule_id",)

    @metric_value(engine=PandasExecutionEngine)
    def _pandas(
        cls,  # noqa: N805 - Great Expectations calls it on the class
        execution_engine: PandasExecutionEngine,
        metric_domain_kwargs: dict[str, Any],
        metric_value_kwargs: dict[str, Any],
        metrics: dict[str, Any],
        runtime_configuration: dict[str, Any],
    ) -> list[dict[str, Any]]:
        counts, _, _ = execution_engine.get_compute_domain(
            metric_domain_kwargs, domain_type="table"
        )
        own = counts[counts["rule_id"] == metric_value_kwargs["rule_id"]]
        return [
            {
                "position": int(position),
                "n_scope": int(row["n_scope"]),
                "n_failed": int(row["n_failed"]),
                "error": row["error"] if isinstance(row["error"], str) else None,
            }
            for position, row in own.iterrows()
        ]


class ExpectRuleToHold(BatchExpectation):
    """Expect a rule to hold in every file: at most ``threshold`` of the rows in scope break it."""

    rule_id: str
    threshold: float = 0.0

    metric_dependencies: ClassVar[tuple[str, ...]] = ("rapport.rule_counts",)
    success_keys: ClassVar[tuple[str, ...]] = ("rule_id", "threshold")
    args_keys: ClassVar[tuple[str, ...]] = ("rule_id", "threshold")

    def _validate(
        self,
        metrics: dict[str, Any],
        runtime_configuration: dict[str, Any] | None = None,
        execution_engine: Any = None,
    ) -> dict[str, Any]:
        files = metrics["rapport.rule_counts"]
        for each in files:
            each["state"] = state_of(
                each["n_scope"], each["n_failed"], self.threshold, each["error"]
            )
        n_failed = sum(each["n_failed"] for each in files)
        n_scope = sum(each["n_scope"] for each in files)
        return {
            "success": not any(each["state"] in ("fail", "error") for each in files),
            "result": {
                "observed_value": f"{n_failed} of {n_scope} rows",
                "details": {
                    "files": files,
                    "states": dict(Counter(each["state"] for each in files)),
                },
            },
        }

    @classmethod
    @renderer(renderer_type=LegacyDiagnosticRendererType.STATUS_ICON)
    def _diagnostic_status_icon_renderer(
        cls, configuration: Any = None, result: Any = None, runtime_configuration: Any = None
    ) -> RenderedStringTemplateContent:
        """Show the worst of the files' four states; Great Expectations itself knows only two."""
        states = _states(result)
        worst = next((s for s in ("error", "fail", "pass") if s in states), "not_applicable")
        icon, word = _SHOWN["error" if raised(result.exception_info) else worst]
        style = {"params": {"icon": {"tag": "i", "classes": ["fas", icon]}}}
        return RenderedStringTemplateContent(
            string_template={
                "template": "$icon $state",
                "params": {"icon": "", "state": word},
                "styling": style,
            }
        )

    @classmethod
    @renderer(renderer_type=LegacyDiagnosticRendererType.OBSERVED_VALUE)
    def _diagnostic_observed_value_renderer(
        cls, configuration: Any = None, result: Any = None, runtime_configuration: Any = None
    ) -> str:
        """Show the rows that break the rule, and how many files ended in which state."""
        if raised(result.exception_info):
            return "the check could not run"
        files = ", ".join(f"{n} {_SHOWN[state][1].lower()}" for state, n in _states(result).items())
        return f"{result.result['observed_value']}; files: {files}"


def _states(result: Any) -> dict[str, int]:
    states: dict[str, int] = (result.result.get("details") or {}).get("states", {})
    return states


def suite_for(table: str, rules: Sequence[Rule]) -> gx.ExpectationSuite:
    """Return the suite of one table: one expectation per rule."""
    return gx.ExpectationSuite(
        name=table,
        expectations=[
            ExpectRuleToHold(
                rule_id=rule.id,
                threshold=rule.threshold,
                severity=SEVERITY[rule.severity],
                description=rule.title,
                notes=f"{rule.why} {rule.downstream}",
                meta={"rule_id": rule.id, "severity": rule.severity, "category": rule.category},
            )
            for rule in rules
        ],
    )


class BatchMaker:
    """One in-memory context; turns frames into batches."""

    def __init__(self) -> None:
        # Some of its modules set their own level.
        for logger in list(logging.root.manager.loggerDict):
            if logger.startswith("great_expectations"):
                logging.getLogger(logger).setLevel(logging.WARNING)
        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = ProgressBarsConfig(globally=False)
        self._source = context.data_sources.add_pandas("frames")

    def batch(self, name: str, frame: pd.DataFrame) -> Batch:
        """Return ``frame`` as a batch of the asset ``name``."""
        asset = self._source.add_dataframe_asset(name)
        return asset.add_batch_definition_whole_dataframe("whole").get_batch({"dataframe": frame})

    def validate(
        self, name: str, frame: pd.DataFrame, expectations: list[Any], result_format: dict[str, Any]
    ) -> ExpectationSuiteValidationResult:
        """Return what Great Expectations says of ``frame``."""
        suite = gx.ExpectationSuite(name=name, expectations=expectations)
        return self.batch(name, frame).validate(suite, result_format=result_format)


def raised(exception_info: Any) -> bool:
    """Return True if an expectation could not run; Great Expectations reports that as a failure."""
    if not isinstance(exception_info, dict):
        return False
    if exception_info.get("raised_exception"):
        return True
    return any(raised(value) for value in exception_info.values())
