"""`python -m cli.chart`: write what of the chart is generated."""

from cli.chart.documents import FOLDER, documents

if __name__ == "__main__":
    for name, content in documents(FOLDER).items():
        (FOLDER / name).write_text(content)
