{# Rule P05: recovered means a case at the start and reliably improved, in both vocabularies. #}

select
    clinic_id,
    episode_key,
    jt_class,
    nhs_is_recovered

from {{ ref('fct_episodes') }}

where
    (jt_class = 'recovered' and not (jt_is_case_at_start and is_reliably_improved))
    or (jt_class = 'harmed' and (jt_is_case_at_start or not is_reliably_deteriorated))
    or (is_reliably_improved and is_reliably_deteriorated)
    or (nhs_is_recovered and not nhs_is_case_at_start)
    or (nhs_is_reliably_recovered and not (nhs_is_recovered and nhs_is_reliably_improved))
