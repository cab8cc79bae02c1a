"use strict";
(() => {
  const sortable = document.querySelector("#wrong table");
  const sortBy = (button) => {
    const head = button.closest("th");
    const column = [...head.parentElement.children].indexOf(head);
    const falling = head.getAttribute("aria-sort") !== "descending";
    for (const other of head.parentElement.children) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", falling ? "descending" : "ascending");
    const value = (row) => row.children[column].dataset.value ?? row.children[column].textContent;
    const order = new Intl.Collator("en", { numeric: true }).compare;
    const compare = (a, b) =>
      "number" in head.dataset ? Number(value(a)) - Number(value(b)) : order(value(a), value(b));
    const body = sortable.tBodies[0];
    body.append(...[...body.rows].sort((a, b) => (falling ? compare(b, a) : compare(a, b))));
  };
  if (sortable) {
    for (const button of sortable.querySelectorAll(".sort")) {
      button.addEventListener("click", () => sortBy(button));
    }
  }

  const table = document.querySelector(".confusion");
  if (!table) return;
  const { cells, ids, certainty, columns } = JSON.parse(
    document.querySelector("#pictures").textContent,
  );
  const dialog = document.querySelector("dialog");

  const tile = (at) => {
    const item = document.createElement("li");
    const picture = document.createElement("span");
    picture.className = "digit ink framed";
    picture.style.setProperty("--x", at % columns);
    picture.style.setProperty("--y", Math.floor(at / columns));
    picture.setAttribute("role", "img");
    picture.setAttribute("aria-label", `picture ${ids[at]}`);
    const sure = document.createElement("span");
    sure.className = "certainty";
    sure.textContent = `${(certainty[at] * 100).toFixed(1)} %`;
    const row = document.createElement("span");
    row.textContent = `row ${ids[at].toLocaleString("en")}`;
    item.append(picture, sure, row);
    return item;
  };

  const open = (button) => {
    const places = cells[button.dataset.cell];
    const total = Number(button.dataset.count);
    const right = button.closest("td").className === "right";
    dialog.querySelector("h3").textContent = button.dataset.title;
    const more = total - places.length;
    const which = right ? "the least sure first" : "the surest first";
    dialog.querySelector(".many-more").textContent =
      `${total.toLocaleString("en")} ${total === 1 ? "picture" : "pictures"}` +
      (total > 1 ? `, ${which}` : "") +
      (more ? `; ${places.length} shown and ${more.toLocaleString("en")} more` : "") +
      ". Beneath each is how sure the answer was.";
    dialog.querySelector(".tiles").replaceChildren(...places.map(tile));
    dialog.showModal();
    dialog.scrollTop = 0;
  };

  const buttons = [...table.querySelectorAll("button")];
  const reach = (chosen) => buttons.forEach((b) => (b.tabIndex = b === chosen ? 0 : -1));
  if (buttons.length) reach(buttons[0]);
  table.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    reach(button);
    open(button);
  });
  const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
  table.addEventListener("keydown", (event) => {
    const step = steps[event.key];
    const from = event.target.closest("td");
    if (!step || !from) return;
    event.preventDefault();
    let row = from.parentElement.sectionRowIndex;
    let column = from.cellIndex;
    for (;;) {
      row += step[0];
      column += step[1];
      const next = table.tBodies[0].rows[row]?.cells[column];
      if (!next || next.tagName === "TH") return;
      const button = next.querySelector("button");
      if (button) {
        reach(button);
        button.focus();
        return;
      }
    }
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog || event.target.closest(".close")) dialog.close();
  });
})();
