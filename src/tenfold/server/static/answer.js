// The answer: rows as read, and one digit looked into.

const MOST_BARS = 10;

const [rows, verdict, spoken, problem, seen, bars, notes] = [
  "rows", "verdict", "spoken", "problem", "seen", "bars", "notes",
].map((id) => document.getElementById(id));

let onSelect = () => {};

/** Report `select(index)` when a digit is chosen, and move among them with the arrow keys. */
export function listen(select) {
  onSelect = select;
  rows.addEventListener("keydown", (event) => {
    const buttons = [...rows.querySelectorAll("button")];
    const at = buttons.indexOf(document.activeElement);
    const ends = { Home: 0, End: buttons.length - 1 };
    const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
    const to = ends[event.key] ?? at + (steps[event.key] ?? NaN);
    if (!buttons[to]) return;
    event.preventDefault();
    select(to);
  });
}

/** Show an answer, or nothing for null, with the digit at `index` looked into. */
export function show(answer, index = 0, nothing = "") {
  problem.hidden = true;
  const text = answer ? inWords(answer) : nothing;
  if (spoken.textContent !== text) spoken.textContent = text;
  showRows(answer, index);
  rows.classList.toggle("idle", !text);
  showDigit(answer, answer?.digits[index]);
  if (!answer?.digits.length) verdict.textContent = text;
}

/** Show one line that says what went wrong. */
export function showProblem(line) {
  show(null);
  rows.classList.remove("idle");
  problem.textContent = line;
  problem.hidden = false;
}

function inWords(answer) {
  const said = (row) => [...row].map((one) => (one === "?" ? "not a digit" : one)).join(" ");
  return answer.rows.length ? `Read: ${answer.rows.map(said).join(", ")}.` : "No digits found.";
}

function showRows(answer, index) {
  const digits = answer?.digits ?? [];
  const lines = [];
  digits.forEach((digit, at) => {
    if (!at || digit.row !== digits[at - 1].row) {
      lines.push(Object.assign(document.createElement("div"), { className: "row" }));
    }
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = digit.accepted ? digit.label : "?";
    button.classList.toggle("refused", !digit.accepted);
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
  rows.classList.toggle("several", digits.length > 1);
  const held = rows.contains(document.activeElement);
  rows.replaceChildren(...lines);
  if (held) rows.querySelector('[aria-checked="true"]')?.focus();
}

function showDigit(answer, digit) {
  verdict.classList.toggle("refused", Boolean(digit && !digit.accepted));
  verdict.textContent = digit ? verdictOf(digit) : "";
  seen.hidden = !digit;
  if (digit) seen.src = digit.image;
  else seen.removeAttribute("src");
  seen.alt = digit ? "The digit in 28 by 28 pixels, as the model saw it" : "";
  showBars(answer?.classes ?? [..."0123456789"], digit);
  const phrases = digit ? digit.notes : (answer?.notes ?? []);
  notes.replaceChildren(
    ...phrases.map((text) => Object.assign(document.createElement("li"), { textContent: text })),
  );
}

function verdictOf(digit) {
  const sure = perCent(digit.probability);
  return digit.accepted ? `${digit.label}, ${sure} sure` : `Not a digit. Nearest: ${digit.label}, ${sure}`;
}

function showBars(classes, digit) {
  let order = [...classes.keys()];
  if (classes.length > MOST_BARS) {
    const values = digit?.probabilities ?? [];
    order = order.sort((a, b) => values[b] - values[a]).slice(0, MOST_BARS);
  }
  while (bars.childElementCount > order.length) bars.lastChild.remove();
  while (bars.childElementCount < order.length) {
    const item = document.createElement("li");
    item.innerHTML = "<b></b><span><i></i></span><small></small>";
    bars.append(item);
  }
  order.forEach((index, at) => {
    const [name, bar, value] = bars.children[at].children;
    const share = digit?.probabilities[index];
    name.textContent = classes[index];
    bar.firstChild.style.width = `${100 * (share ?? 0)}%`;
    value.textContent = share === undefined ? "" : perCent(share);
    value.classList.toggle("nothing", share < 0.001);
    bars.children[at].classList.toggle("best", classes[index] === digit?.label);
    bars.children[at].classList.toggle("refused", Boolean(digit && !digit.accepted));
  });
}

// Rounded down: 100 % is said only of what is certain.
const perCent = (share) => `${(Math.floor(share * 1000 + 1e-9) / 10).toFixed(1)} %`;
