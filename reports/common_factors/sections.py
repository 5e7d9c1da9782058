"""The questions of the common-factors report, in the order a service lead asks them."""

from __future__ import annotations

from reports.common_factors import alliance, course, service, sources
from reports.common_factors.blocks import Section

SECTIONS = (
    Section(
        "change",
        "Change and who is counted",
        "How many clients are better, and of whom is that a share?",
        (service.CHANGE, service.FUNNEL),
        (
            "Whether treatment caused the change: there is no comparison group, and people who "
            "start at their worst tend to get better anyway.",
            "Clients with one score or none. They are counted among the excluded, not as failures "
            "or successes.",
        ),
    ),
    Section(
        "alliance",
        "Alliance and outcome",
        "Do clients with a better early alliance end better off, and which comes first?",
        (alliance.OUTCOME, alliance.DIRECTION),
        (
            "Cause: clients who improve early may rate the alliance higher because of it. A "
            "direction is named only where three models with different weaknesses agree.",
            "Clients who left before they rated the alliance or before a later score.",
        ),
    ),
    Section(
        "ruptures",
        "Ruptures and repair",
        "How often does the alliance dip, is it repaired, and how do these clients end?",
        (alliance.RUPTURES, alliance.RUPTURE_OUTCOME),
        (
            "What happened in the room: a detector sees a drop between two ratings, nothing else.",
            "A right count: there is no accepted criterion, and each detector finds others. "
            "Compare a detector with itself over time.",
            "That repair helps: clients who improve stay long enough to repair.",
        ),
    ),
    Section(
        "dropout",
        "Dropout by early alliance",
        "Do clients with a weak early alliance leave sooner?",
        (course.DROPOUT, course.DROPOUT_ODDS),
        (
            "Clients who left before session 3 or did not rate it; they have no place in a third.",
            "Why clients left. Completing and other endings compete with leaving; unknown endings "
            "count as neither.",
        ),
    ),
    Section(
        "therapists",
        "Therapists",
        "How far do outcomes differ between therapists?",
        (service.THERAPIST_EFFECT,),
        (
            "Any therapist. Comparing them is for supervision: a clinic's own file has their "
            "estimates with the range of ranks each could have.",
            "Anyone's skill. Caseloads differ in ways nobody recorded.",
        ),
    ),
    Section(
        "congruence",
        "Client and therapist",
        "Do therapists see the alliance as their clients do?",
        (course.CONGRUENCE,),
        (
            "Who is right: neither view is the true one.",
            "That agreement helps. The response surface is in the table for analysts.",
        ),
    ),
    Section(
        "modalities",
        "Modalities",
        "Are modalities equivalent, different, or can nobody tell?",
        (sources.MODALITIES,),
        (
            "A trial: clients were not allocated at random, and therapists mostly practise one "
            "modality.",
            "Equivalence where the verdict is inconclusive: no clear difference is not the same as "
            "no difference.",
        ),
    ),
    Section(
        "shares",
        "Shares of the variance",
        "How much of the differences in outcome goes with alliance, therapist and modality?",
        (sources.SHARES,),
        (
            "How much of the improvement is due to a source: shares divide differences between "
            "clients, not the effect of treatment.",
            "The residual is everything unmeasured: clients, life, and error of measurement.",
        ),
    ),
)
