"""A demo's notebook whose cells have put out whatever loads something from elsewhere."""

from kie_nb import demo

ELSEWHERE = "http://elsewhere.example"
OUTPUTS = (
    f'<script src="{ELSEWHERE}/a.js"></script>',
    f'<img alt="" src="{ELSEWHERE}/a.png">',
    f'<iframe src="{ELSEWHERE}/a.html"></iframe>',
    f'<style>@import "{ELSEWHERE}/a.css";</style><link rel="stylesheet" href="{ELSEWHERE}/b.css">',
    f'<script>fetch("{ELSEWHERE}/fetched"); new Image().src = "{ELSEWHERE}/image"</script>',
    f'<video autoplay src="{ELSEWHERE}/a.mp4"></video>',
    f'<link rel="prefetch" href="{ELSEWHERE}/p"><link rel="preload" as="script" href="{ELSEWHERE}/q.js">',
)


def notebook(*outputs):
    """The quickstart as it is shipped, with these outputs, a formula, a diagram, and a state of widgets such as a runner leaves."""
    import nbformat  # late: it loads for seconds

    shipped = nbformat.read(demo.shipped() / demo.NOTEBOOK, as_version=4)
    state = {"state": {}, "version_major": 2}
    shipped.metadata["widgets"] = {"application/vnd.jupyter.widget-state+json": state}
    cell = next(cell for cell in shipped.cells if cell.cell_type == "code")
    cell.outputs = [nbformat.v4.new_output("display_data", {"text/html": html}) for html in outputs]
    shipped.cells.append(nbformat.v4.new_markdown_cell("$x^2$\n\n```mermaid\ngraph LR; a-->b\n```"))
    return shipped
