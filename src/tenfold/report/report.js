"use strict";
(() => {
  const errorTable = document.querySelector("#all-errors table");
  const sortBy = (button) => {
    const head = button.closest("th");
    const column = [...head.parentElement.children].indexOf(head);
    const isDescending = head.getAttribute("aria-sort") !== "descending";
    for (const other of head.parentElement.children) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", isDescending ? "descending" : "ascending");
    const value = (row) => row.children[column].dataset.value ?? row.children[column].textContent;
    const order = new Intl.Collator("en", { numeric: true }).compare;
    const compare = (a, b) =>
      "number" in head.dataset ? Number(value(a)) - Number(value(b)) : order(value(a), value(b));
    const body = errorTable.tBodies[0];
    body.append(...[...body.rows].sort((a, b) => (isDescending ? compare(b, a) : compare(a, b))));
  };
  if (errorTable) {
    for (const button of errorTable.querySelectorAll(".sort")) {
      button.addEventListener("click", () => sortBy(button));
    }
  }

  const table = document.querySelector(".confusion");
  if (!table) return;
  const { cells, ids, confidence, columns } = JSON.parse(
    document.querySelector("#script-data").textContent,
  );
  const dialog = document.querySelector("dialog");

  const makeTile = (sprite) => {
    const item = document.createElement("li");
    const image = document.createElement("span");
    image.className = "digit ink framed";
    image.style.setProperty("--x", sprite % columns);
    image.style.setProperty("--y", Math.floor(sprite / columns));
    image.setAttribute("role", "img");
    image.setAttribute("aria-label", `image ${ids[sprite]}`);
    const probability = document.createElement("span");
    probability.className = "strong";
    probability.textContent = `${(confidence[sprite] * 100).toFixed(1)} %`;
    const row = document.createElement("span");
    row.textContent = `row ${ids[sprite].toLocaleString("en")}`;
    item.append(image, probability, row);
    return item;
  };

  const openCell = (button) => {
    const sprites = cells[button.dataset.cell];
    const total = Number(button.dataset.count);
    const isCorrect = button.closest("td").className === "correct";
    dialog.querySelector("h3").textContent = button.dataset.title;
    const more = total - sprites.length;
    const order = isCorrect ? "lowest confidence first" : "highest confidence first";
    dialog.querySelector(".cell-note").textContent =
      `${total.toLocaleString("en")} ${total === 1 ? "image" : "images"}` +
      (total > 1 ? `, ${order}` : "") +
      (more ? `; ${sprites.length} shown and ${more.toLocaleString("en")} more` : "") +
      ". The confidence is under each image.";
    dialog.querySelector(".tiles").replaceChildren(...sprites.map(makeTile));
    dialog.showModal();
    dialog.scrollTop = 0;
  };

  const buttons = [...table.querySelectorAll("button")];
  const makeTabbable = (chosen) => buttons.forEach((b) => (b.tabIndex = b === chosen ? 0 : -1));
  if (buttons.length) makeTabbable(buttons[0]);
  table.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    makeTabbable(button);
    openCell(button);
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
        makeTabbable(button);
        button.focus();
        return;
      }
    }
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog || event.target.closest(".close")) dialog.close();
  });
})();
