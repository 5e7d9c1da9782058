"""Excel workbooks: sheets as rows of text, titles and merged names above them."""
