"""FHIR R4: questionnaire responses in, observations out."""
