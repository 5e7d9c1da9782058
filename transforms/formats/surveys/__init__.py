"""LimeSurvey, Google Forms, Microsoft Forms and SurveyMonkey."""
