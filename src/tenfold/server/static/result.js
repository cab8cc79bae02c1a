// The result: the rows of digits, and the details of the selected one.

const MAX_BARS = 10;

const [rows, prediction, copy, announcement, problem, modelInput, probabilities, notes] = [
  "rows", "prediction", "copy", "announcement", "problem", "model-input", "probabilities", "notes",
].map((id) => document.getElementById(id));

let onSelect = () => {};

/** Call `select(index)` when a digit is chosen, by mouse or with the arrow keys. */
export function listen(select) {
  onSelect = select;
  rows.addEventListener("keydown", (event) => {
    const buttons = [...rows.querySelectorAll("button")];
    const current = buttons.indexOf(document.activeElement);
    const ends = { Home: 0, End: buttons.length - 1 };
    const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
    const next = ends[event.key] ?? current + (steps[event.key] ?? NaN);
    if (!buttons[next]) return;
    event.preventDefault();
    select(next);
  });
}

/** Show a reading with the details of the digit at `index`; for null show `message` instead. */
export function show(reading, index = 0, message = "") {
  problem.hidden = true;
  const text = reading ? describe(reading) : message;
  if (announcement.textContent !== text) announcement.textContent = text;
  showRows(reading, index);
  rows.classList.toggle("idle", !text);
  copy.hidden = !reading?.text;
  copy.textContent = "Copy";
  showDigit(reading, reading?.digits[index]);
  if (!reading?.digits.length) prediction.textContent = text;
}

/** Say that the text is on the clipboard, until the next reading. */
export function showCopied() {
  copy.textContent = announcement.textContent = "Copied";
}

/** Show an error message of one line. */
export function showError(message) {
  show(null);
  rows.classList.remove("idle");
  problem.textContent = message;
  problem.hidden = false;
}

function describe(reading) {
  const spell = (row) => [...row].map((one) => (one === "?" ? "not a digit" : one)).join(" ");
  return reading.rows.length ? `Read: ${reading.rows.map(spell).join(", ")}.` : "No digits found.";
}

function showRows(reading, index) {
  const digits = reading?.digits ?? [];
  const lines = [];
  digits.forEach((digit, at) => {
    if (!at || digit.row !== digits[at - 1].row) {
      lines.push(Object.assign(document.createElement("div"), { className: "row" }));
    }
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = digit.accepted ? digit.label : "?";
    button.classList.toggle("rejected", !digit.accepted);
    button.setAttribute("role", "radio");
    button.setAttribute("aria-checked", at === index);
    button.setAttribute("aria-label", digit.accepted ? digit.label : "not a digit");
    button.tabIndex = at === index ? 0 : -1;
    button.addEventListener("click", () => onSelect(at));
    lines.at(-1).append(button);
  });
  const longest = Math.max(1, ...lines.map((line) => line.textContent.length));
  rows.style.setProperty("--longest", longest);
  rows.style.setProperty("--count", Math.max(1, lines.length));
  rows.classList.toggle("multiple", digits.length > 1);
  const hadFocus = rows.contains(document.activeElement);
  rows.replaceChildren(...lines);
  if (hadFocus) rows.querySelector('[aria-checked="true"]')?.focus();
}

function showDigit(reading, digit) {
  prediction.classList.toggle("rejected", Boolean(digit && !digit.accepted));
  prediction.textContent = digit ? describeDigit(digit) : "";
  modelInput.hidden = !digit;
  if (digit) modelInput.src = digit.image;
  else modelInput.removeAttribute("src");
  modelInput.alt = digit ? "The digit as the model input, 28 by 28 pixels" : "";
  showProbabilities(reading?.classes ?? [..."0123456789"], digit);
  const phrases = digit ? digit.notes : (reading?.notes ?? []);
  notes.replaceChildren(
    ...phrases.map((text) => Object.assign(document.createElement("li"), { textContent: text })),
  );
}

function describeDigit(digit) {
  const probability = percent(digit.probability);
  return digit.accepted
    ? `${digit.label}, ${probability} confidence`
    : `Not a digit (best guess: ${digit.label}, ${probability})`;
}

function showProbabilities(classes, digit) {
  let order = [...classes.keys()];
  if (classes.length > MAX_BARS) {
    const values = digit?.probabilities ?? [];
    order = order.sort((a, b) => values[b] - values[a]).slice(0, MAX_BARS);
  }
  while (probabilities.childElementCount > order.length) probabilities.lastChild.remove();
  while (probabilities.childElementCount < order.length) {
    const item = document.createElement("li");
    item.innerHTML = "<b></b><span><i></i></span><small></small>";
    probabilities.append(item);
  }
  order.forEach((index, at) => {
    const [name, bar, value] = probabilities.children[at].children;
    const probability = digit?.probabilities[index];
    name.textContent = classes[index];
    bar.firstChild.style.width = `${100 * (probability ?? 0)}%`;
    value.textContent = probability === undefined ? "" : percent(probability);
    value.classList.toggle("negligible", probability < 0.001);
    probabilities.children[at].classList.toggle("best", classes[index] === digit?.label);
    probabilities.children[at].classList.toggle("rejected", Boolean(digit && !digit.accepted));
  });
}

// Rounded down, so that 100 % is shown only for a probability of 1.
const percent = (share) => `${(Math.floor(share * 1000 + 1e-9) / 10).toFixed(1)} %`;
