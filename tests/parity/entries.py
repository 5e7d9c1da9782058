"""What the parity book compares: estimator, reference program, rows, and the test that does it.

Tags (K1, R6, §6.2 …) are those of the project's domain brief, section 6. A reference that is a
printed number carries the tolerance of its last digit.
"""

from __future__ import annotations

from dataclasses import dataclass

_AGAINST_R = "tests/transforms/statistics/test_common_factors_against_r.py::"
_REML = "tests/transforms/statistics/test_reml.py::"
_CHANGE = "tests/transforms/instruments/test_change.py::"
_METHODS = "tests/transforms/instruments/test_change_methods.py::"
_ASSOCIATION = "tests/transforms/statistics/test_correlation.py::"
_AGREEMENT = "tests/transforms/statistics/test_agreement_estimators.py::"
_PANEL = "tests/transforms/statistics/test_dynamic_panel.py::"
_GAINS = "tests/dbt/test_process_events.py::"


@dataclass(frozen=True)
class Entry:
    """One line of the book."""

    estimator: str
    module: str
    reference: str
    rows: str
    test: str
    tag: str = ""


ENTRIES = (
    Entry("REML and ML, random intercept of therapists", "transforms/statistics/reml.py",
          "lme4, shared/data/therapist_effects", "4,500 in 150",
          _REML + "test_fits_equal_lme4"),
    Entry("Empirical-Bayes estimates, conditional SD, reliability", "transforms/statistics/reml.py",
          "lme4, shared/data/therapist_effects", "150 therapists",
          _REML + "test_every_therapists_estimate_equals_lme4"),
    Entry("Profile interval of the ICC", "transforms/statistics/profile_likelihood.py",
          "criterion of the full covariance matrix", "invented, 60 groups",
          _REML + "test_the_interval_ends_where_the_full_matrix_loses_half_a_chi_square"),
    Entry("REML with at least ten patients each", "transforms/statistics/reml.py",
          "lme4, shared/data/therapist_effects", "patients of larger caseloads",
          _REML + "test_therapists_with_ten_patients_equal_lme4"),
    Entry("Model without therapists", "transforms/statistics/reml.py", "R lm, shared/data/therapist_effects",
          "4,500", _REML + "test_a_model_without_therapists_equals_lm"),
    Entry("REML on balanced data", "transforms/statistics/reml.py", "Shrout & Fleiss 1979; pingouin",
          "24 in 6", _REML + "test_balanced_data_give_the_analysis_of_variance", "R3"),
    Entry("Nested REML: therapists in clinics", "transforms/statistics/nested_reml.py", "lme4 1.1-31, R 4.2.2",
          "1,500 in 90 in 12", _AGAINST_R + "test_therapists_within_clinics_equal_lme4"),
    Entry("Profile interval of a nested share", "transforms/statistics/nested_reml.py",
          "deviance of lme4 1.1-31", "1,500 in 90 in 12",
          _AGAINST_R + "test_profile_interval_of_a_share_equals_the_one_from_lme4s_deviance"),
    Entry("Logistic ICC (latent scale)", "transforms/statistics/logistic_mixed.py",
          "glmer nAGQ = 15, lme4 1.1-31 (stops at 1e-4 on the logit scale)", "1,500 in 90",
          _AGAINST_R + "test_logistic_model_equals_glmer"),
    Entry("Cluster-robust errors CR0 and CR1", "transforms/statistics/cluster_robust.py", "sandwich 3.0-2",
          "1,500 in 90", _AGAINST_R + "test_cluster_robust_errors_equal_sandwich"),
    Entry("Random slopes (alliance trajectory)", "transforms/statistics/random_slopes.py",
          "lme4 1.1-31 (SDs uncertain in the sixth digit)", "ratings.csv",
          _AGAINST_R + "test_lines_of_clients_equal_lme4"),
    Entry("Cox, time-varying, Efron ties, robust", "transforms/statistics/cox_time_varying.py", "survival 3.5-3",
          "sessions.csv", _AGAINST_R + "test_cox_with_an_alliance_that_changes_equals_survival"),
    Entry("Aalen–Johansen cumulative incidence", "transforms/statistics/competing_risks.py",
          "survival 3.5-3; cmprsk 2.2-11 (errors within 3 %: it breaks ties)", "400 clients",
          _AGAINST_R + "test_cumulative_incidence_equals_cmprsk_and_survival"),
    Entry("Kaplan–Meier (no competing ending)", "transforms/statistics/competing_risks.py",
          "Freireich 6-MP arm, printed",  "21",
          "tests/transforms/statistics/test_degenerate_estimators.py::"
          "test_without_a_competing_event_the_incidence_is_one_less_the_survival", "R6"),
    Entry("Cox at a landmark, remission times", "transforms/statistics/cox.py", "Freireich, R survival",
          "42", "tests/transforms/statistics/test_cox.py::test_remission_times_of_freireich"),
    Entry("Cox with ties", "transforms/statistics/cox.py", "lifelines", "invented",
          "tests/transforms/statistics/test_cox.py::test_ties_equal_the_survival_library"),
    Entry("Cox, clustered error", "transforms/statistics/cox.py", "lifelines", "invented",
          "tests/transforms/statistics/test_cox.py::"
          "test_clustered_error_without_ties_equals_the_survival_library"),
    Entry("Log-rank test (no table uses it)", "lifelines", "R survdiff", "6",
          "tests/parity/test_parity_book.py::test_log_rank_of_lifelines_equals_survdiff", "R7"),
    Entry("Response surface with clustered errors", "transforms/statistics/response_surface.py",
          "R lm, sandwich vcovCL HC1", "76 in 14",
          _AGREEMENT + "test_surface_equals_r_with_clustered_standard_errors"),
    Entry("Response surface, few therapists", "transforms/statistics/response_surface.py", "R lm", "76",
          _AGREEMENT + "test_with_few_therapists_the_interval_is_that_of_rows"),
    Entry("Truth and bias", "transforms/statistics/truth_and_bias.py", "lme4", "234 in 76",
          _AGREEMENT + "test_truth_and_bias_equals_the_mixed_model_of_r"),
    Entry("Bias, clustered", "transforms/statistics/truth_and_bias.py", "sandwich vcovCL", "76 in 14",
          _AGREEMENT + "test_the_bias_counts_therapists_not_sessions"),
    Entry("Williams' test of dependent correlations", "transforms/statistics/dependent_correlations.py",
          "psych r.test", "103", _AGREEMENT + "test_williams_of_the_manual"),
    Entry("Williams' test given the first score", "transforms/statistics/dependent_correlations.py",
          "psych r.test, partial.r", "76", _AGREEMENT + "test_two_raters_of_one_outcome_equal_r"),
    Entry("Interval of a difference of correlations", "transforms/statistics/dependent_correlations.py",
          "Zou 2007, printed", "66", _AGREEMENT + "test_interval_of_the_difference_is_that_of_zou"),
    Entry("Repeated-measures correlation", "transforms/statistics/correlation.py",
          "pingouin rm_corr; Bland & Altman 1995", "47 in 8",
          _ASSOCIATION + "test_repeated_measures_correlation_of_bland_and_altman", "R1"),
    Entry("Between and pooled r of the same rows", "transforms/statistics/correlation.py", "printed", "47",
          _ASSOCIATION + "test_between_and_pooled_correlations_of_the_same_rows_differ", "R1"),
    Entry("Within, between and pooled slope", "transforms/statistics/correlation.py", "worked by hand", "12",
          _ASSOCIATION + "test_toy_panel_falls_within_and_rises_between", "R2"),
    Entry("Difference GMM, one step, robust; m2; Hansen", "transforms/statistics/dynamic_panel.py",
          "plm 2.6-2 pgmm, R 4.2.2", "394 sessions of 60",
          _PANEL + "test_arellano_and_bond_equal_pgmm"),
    Entry("Difference GMM over gaps", "transforms/statistics/dynamic_panel.py", "numpy, plain matrices",
          "80 clients", _PANEL + "test_differences_over_gaps_equal_plain_matrices"),
    Entry("Client trends by forward deviations", "transforms/statistics/dynamic_panel.py",
          "numpy, plain matrices", "80 clients", _PANEL + "test_client_trends_equal_plain_matrices"),
    Entry("Cronbach's alpha, item-rest r", "transforms/statistics/reliability.py", "psych 2.2.9",
          "answers.csv",
          "tests/expectations/published/test_item_statistics.py::"
          "test_alpha_and_item_rest_correlations_are_those_of_psych"),
    Entry("McDonald's omega", "transforms/statistics/reliability.py", "lavaan 0.6.14", "omega.csv",
          "tests/expectations/published/test_item_statistics.py::test_omega_is_that_of_lavaan"),
    Entry("McDonald's omega, standardized", "transforms/statistics/reliability.py", "psych 2.2.9",
          "omega.csv", "tests/expectations/published/test_item_statistics.py::"
          "test_omega_of_standardized_items_is_that_of_psych"),
    Entry("Two one-sided tests, independent", "transforms/statistics/equivalence.py", "R equivalence, printed",
          "12", "tests/transforms/statistics/test_equivalence.py::"
          "test_independent_samples_equal_the_published_values", "R5"),
    Entry("Two one-sided tests, paired", "transforms/statistics/equivalence.py", "R equivalence, printed",
          "6 pairs", "tests/transforms/statistics/test_equivalence.py::test_pairs_equal_the_published_values",
          "R5"),
    Entry("Interval of r", "transforms/statistics/correlation.py", "CECPfuns; printed", "n 10 to 100",
          _ASSOCIATION + "test_fisher_interval", "R8, R9"),
    Entry("Wilson's interval", "transforms/statistics/correlation.py", "printed", "n 10 to 100",
          _ASSOCIATION + "test_wilson_interval", "R11"),
    Entry("Pre–post effect sizes", "transforms/instruments/change.py", "printed (from rounded moments)", "40",
          _CHANGE + "test_effect_sizes_of_the_published_sample", "R14"),
    Entry("Hedges' factor", "transforms/instruments/change.py", "printed", "–",
          _CHANGE + "test_hedges_factor", "R14"),
    Entry("Reliability of a therapist's mean", "transforms/statistics/reml.py", "printed", "–",
          _REML + "test_reliability_of_a_therapists_mean", "R15"),
    Entry("Control chart of the alliance (SQL)", "models: int_rupture_rules", "printed", "8",
          "tests/dbt/test_rupture_events.py::test_control_chart_finds_the_published_signal", "R17"),
    Entry("SEM and SE of the difference", "transforms/instruments/change.py", "Jacobson & Truax 1991; others",
          "–", _CHANGE + "test_errors_of_measurement_and_difference", "K1, K4–K6, K9"),
    Entry("Reliable change in points", "transforms/instruments/change_indices.py", "CECPfuns; printed", "–",
          _CHANGE + "test_reliable_change_in_points", "K1, K5–K7, K9"),
    Entry("Reliable change index", "transforms/instruments/change_indices.py", "Jacobson & Truax 1991", "–",
          _CHANGE + "test_reliable_change_of_the_published_couple", "K2"),
    Entry("Cut-offs a, b, c", "transforms/instruments/change.py", "Jacobson & Truax 1991", "–",
          _CHANGE + "test_the_three_cut_offs_of_jacobson_and_truax", "K3"),
    Entry("SE of prediction", "transforms/instruments/change.py", "printed", "–",
          _CHANGE + "test_error_of_prediction", "K4"),
    Entry("Cut-off c of the CORE-10", "transforms/instruments/change.py", "Barkham 2013 norms", "–",
          _CHANGE + "test_cut_off_c_of_the_core_10", "K7"),
    Entry("Cut-off b with the functional SD", "transforms/instruments/change.py", "Bauer 2004 norms", "–",
          _CHANGE + "test_cut_off_b_uses_the_functional_sd", "K8"),
    Entry("Cut-offs c of published norms", "transforms/instruments/change.py", "clinicalsignificance, printed",
          "–", _METHODS + "test_cut_off_c_of_the_published_norms", "§6.2, K8"),
    Entry("JT, EN, GLN and HA indices", "transforms/instruments/change_indices.py", "R 4.2.2, own formulas",
          "change_methods.csv", _METHODS + "test_every_index_equals_r"),
    Entry("Reliable trend over all scores (SQL)", "transforms/instruments/change_indices.py",
          "metafor 3.8-1, known variances", "5 and 4 scores",
          "tests/dbt/test_reliable_trend.py::"
          "test_the_trend_is_the_z_of_a_line_through_scores_of_known_error"),
    Entry("SE of the difference of published samples", "transforms/instruments/change_indices.py",
          "clinicalsignificance, printed", "–",
          _METHODS + "test_one_standard_error_of_difference_is_an_index_of_one", "§6.2"),
    Entry("Reliability of differences (HA)", "transforms/instruments/change_indices.py",
          "clinicalsignificance, printed", "40",
          _METHODS + "test_reliability_of_differences_of_the_published_sample", "§6.2"),
    Entry("Sudden gains, row by row (SQL)", "models: fct_sudden_gains",
          "suddengains e964e74, shared/data/sudden_gains", "43 people",
          _GAINS + "test_gains_equal_the_r_package_row_by_row", "§6.3"),
    Entry("Sudden gains, summary (SQL)", "models: fct_sudden_gains",
          "suddengains e964e74, shared/data/sudden_gains", "43 people",
          _GAINS + "test_gains_add_up_to_the_packages_summary", "§6.3"),
    Entry("First gains (SQL)", "models: fct_sudden_gains",
          "suddengains e964e74, shared/data/sudden_gains", "15 people",
          _GAINS + "test_first_gains_per_person_equal_the_packages_summary", "§6.3"),
    Entry("Sudden losses (SQL)", "models: fct_sudden_gains",
          "suddengains e964e74, shared/data/sudden_gains", "43 people",
          _GAINS + "test_losses_equal_the_packages_summary", "§6.3"),
    Entry("Row vectors (SQL)", "models: fct_sudden_gains", "suddengains e964e74, its tests",
          "7 vectors", _GAINS + "test_vectors_of_the_packages_own_tests", "§6.3"),
    Entry("Scoring, worked examples", "transforms/instruments/scoring.py", "domain brief and publishers",
          "tests/reference/scoring.yml",
          "tests/transforms/instruments/test_scoring.py::test_a_worked_example_gives_the_published_score",
          "§6.4"),
    Entry("Reversed items give a published alpha", "transforms/instruments/scoring.py",
          "papers beside shared/data", "real samples",
          "tests/transforms/instruments/test_scoring_real.py::"
          "test_reversals_reproduce_the_alpha_of_a_real_sample"),
    Entry("Logistic regression", "transforms/common_factors/dropout_hazard.py", "R 4.2.2 glm", "logistic.csv",
          "tests/transforms/common_factors/test_dropout_hazard.py::test_coefficients_equal_glm"),
    Entry("Area under the curve", "transforms/common_factors/dropout_hazard.py", "R 4.2.2", "logistic.csv",
          "tests/transforms/common_factors/test_dropout_hazard.py::test_area_under_the_curve_equals_ranks_in_r"),
    Entry("Newcombe's interval of a risk difference", "transforms/statistics/dropout_risk.py", "Newcombe 1998",
          "–", "tests/transforms/statistics/test_dropout_risk.py::test_risk_difference_of_newcombe"),
    Entry("Effect sizes from sums", "transforms/common_factors/outcome.py", "R 4.2.2", "invented",
          "tests/transforms/common_factors/test_outcome.py::"
          "test_effect_sizes_of_one_clinic_equal_r"),
)  # fmt: skip

# Unit tests of dbt, run with the project's build: every value equal.
UNIT_TESTS = (
    ("§6.5", "NHS Talking Therapies outcome logic", "int_episode_nhs__every_published_combination"),
    ("R18", "Effect against the expected course",
     "fct_expected_response__as_expected_is_zero_and_an_sd_better_is_one"),
)  # fmt: skip

# Cells of the tables of a demo night, worked out again from its fact tables.
PUBLISHED = (
    ("cf_alliance_outcome", "numpy", "1e-09", "test_alliance_and_outcome"),
    ("cf_within_between_alliance", "statsmodels MixedLM", "2e-04",
     "test_alliance_within_clients_and_the_next_outcome"),
    ("cf_therapist_effect", "statsmodels MixedLM", "1e-04", "test_change_between_therapists"),
    ("cf_outcome_change, the registry's method", "scipy", "1e-09", "test_rates_of_change"),
    ("cf_outcome_change, NHS Talking Therapies", "scipy", "1e-09",
     "test_nhs_recovery_with_the_mixed_rule"),
    ("cf_effect_size", "numpy", "1e-09", "test_effect_size_of_becker"),
    ("cf_dropout_definitions", "scipy", "1e-09",
     "test_dropout_by_two_definitions_and_their_agreement"),
    ("cf_early_alliance_dropout", "lifelines CoxPHFitter", "1e-06",
     "test_hazard_of_leaving_after_the_landmark"),
    ("cf_dropout_survival", "by hand", "1e-06 relative",
     "test_incidence_of_dropout_while_completing_competes"),
    ("cf_congruence", "numpy", "1e-09", "test_ratings_of_client_and_therapist"),
    ("fct_ruptures, drop_sd1", "SQL of its own", "exact", "test_falls_of_one_sd"),
)  # fmt: skip

NOT_COVERED = (
    ("§6.2, counts per class", "the data belong to a GPL package and are not copied here; its SEs, "
     "cut-offs and the reliability of differences are compared instead"),
    ("§6.2, HLL, NK, HLM rows", "methods that are not offered: relative to the mean change of all, "
     "or a second reliability nobody publishes (domain brief 2.2)"),
    ("R4", "the data set is pingouin's; alpha is compared with psych on our own answers instead"),
    ("R7", "no table uses a log-rank test; the value is checked through lifelines all the same"),
    ("R10", "no table turns a correlation into d"),
    ("R12, R13", "no table lengthens a scale or corrects a correlation for its error"),
    (
        "R16",
        "the rounding of public.duckdb, which no program of theirs computes; "
        "`tests/transforms/disclosure/test_control.py` holds these values",
    ),
)  # fmt: skip
