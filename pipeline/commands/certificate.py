"""The certificate of an erasure: what was done and searched, without who."""

from __future__ import annotations

from pipeline.steps.erase import Certificate


def certificate_text(done: Certificate) -> str:
    """Return the certificate as lines for a file or a printer."""
    identifier = (
        "the identifier as a word: in 0"
        if done.is_identifier_searched
        else "the identifier is too short to be told from other numbers and was not looked for"
    )
    lines = [
        f"Certificate of erasure {done.number}",
        f"  clinic       {done.clinic_id}",
        f"  erased       {done.n_loaded:,} row(s) from the lake and {done.n_quarantined:,} from "
        f"quarantine, of {done.n_files:,} delivered file(s)",
        f"  published    anew as run {done.release}; earlier releases and their pages are deleted",
        f"  searched     {done.searched.n_files:,} file(s), {done.searched.n_bytes / 1e6:,.1f} MB: "
        "everything outside landing/, Parquet and DuckDB decoded",
        "  found        pseudonym and keys of this person's records: in 0; " + identifier,
        "  from now on  a later delivery of this person is counted as erased and not loaded",
    ]
    if done.still_in_landing:
        lines.append("  landing/     holds the identifier still; the clinic deletes or cleans:")
        lines += [f"               {name}" for name in done.still_in_landing]
    elif done.is_identifier_searched:
        lines.append("  landing/     no file holds the identifier")
    lines.append("  not covered  back-ups and copies outside this home")
    return "\n".join(lines) + "\n"
