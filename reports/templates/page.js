"use strict";
// Filter, sort, and open what a link points into. Without this script every row is readable.
const value = (row, column) => {
  const cell = row.cells[column];
  return cell.dataset.sort ?? cell.textContent.trim();
};

const compare = (a, b) => {
  const [x, y] = [Number(a), Number(b)];
  return a !== "" && b !== "" && !Number.isNaN(x) && !Number.isNaN(y)
    ? x - y : a.localeCompare(b, "en", { numeric: true });
};

const sortBy = (table, column) => {
  const header = table.tHead.rows[0].cells[column];
  const down = header.getAttribute("aria-sort") === "ascending"
    || (!header.hasAttribute("aria-sort") && header.classList.contains("n"));
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", down ? "descending" : "ascending");
  const rows = [...table.tBodies[0].rows].map((row) => [value(row, column), row]);
  rows.sort(([a], [b]) => (down ? compare(b, a) : compare(a, b)));
  table.tBodies[0].append(...rows.map(([, row]) => row));
};

for (const table of document.querySelectorAll("table[data-sortable]")) {
  [...table.tHead.rows[0].cells].forEach((header, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...header.childNodes);
    header.append(button);
    button.addEventListener("click", () => sortBy(table, column));
  });
}

for (const form of document.querySelectorAll("form[data-filters]")) {
  const rows = [...document.getElementById(form.dataset.filters).tBodies[0].rows];
  const words = rows.map((row) => `${row.dataset.words} ${row.textContent}`.toLowerCase());
  let most = Number(form.dataset.first);  // until somebody asks for more
  const apply = () => {
    const wanted = new FormData(form);
    const text = wanted.get("text").trim().toLowerCase();
    let shown = 0;
    rows.forEach((row, i) => {
      const severity = wanted.get("severity");
      // A rule is shown when one clinic is in the wanted state; only lines of the wanted clinic.
      const states = wanted.get("state").split(" ");
      const pairs = row.dataset.pairs.trim().split(" ").map((pair) => pair.split(":"));
      const fits = words[i].includes(text) && (severity === "" || row.dataset.severity === severity)
        && pairs.some(([state, clinic]) => (states[0] === "" || states.includes(state))
          && ["", clinic].includes(wanted.get("clinic")));
      for (const line of row.querySelectorAll("li[data-clinic]")) {
        line.hidden = !["", line.dataset.clinic].includes(wanted.get("clinic"));
      }
      row.hidden = !fits || shown >= most;
      shown += !row.hidden;
    });
    form.querySelector("output").textContent = `${shown} of ${rows.length} shown`;
  };
  form.addEventListener("input", () => { most = Infinity; apply(); });
  form.addEventListener("submit", (event) => event.preventDefault());
  const showAll = () => {
    most = Infinity;
    for (const field of form.querySelectorAll("input, select")) field.value = "";
    apply();
  };
  form.querySelector("[data-all]").addEventListener("click", showAll);
  form.addEventListener("showall", showAll);
  form.hidden = false;
  apply();
}

const reveal = () => {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  for (let box = target && target.closest("details"); box; box = box.parentElement.closest("details")) box.open = true;
  // A link to a row that the filters hide.
  if (target && target.closest("[hidden]")) for (const form of document.querySelectorAll("form[data-filters]")) form.dispatchEvent(new Event("showall"));
  if (target) target.scrollIntoView({ block: "center" });
};
addEventListener("hashchange", reveal);
reveal();

// Print short lists of rows open; the long ones stay a line, their rows are in the CSV.
const opened = [];
addEventListener("beforeprint", () => {
  for (const box of document.querySelectorAll("details:not([open], [data-unprinted])")) {
    if (box.querySelectorAll("tbody tr").length <= 60 || box.matches(".all")) { box.open = true; opened.push(box); }
  }
});
addEventListener("afterprint", () => { for (const box of opened.splice(0)) box.open = false; });
