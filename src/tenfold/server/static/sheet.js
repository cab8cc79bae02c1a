// The paper: strokes come in, ink, picture and boxes are shown.

const LEAST_STEP = 0.7; // CSS pixels between two points; a pen reports many more
const TAP = 4; // CSS pixels; what moves less is a tap
const LEAST_LABELLED = 30; // CSS pixels of a usual box; labels would hide smaller digits

const sheet = document.querySelector("#sheet");
const canvas = document.querySelector("#ink");
const picture = document.querySelector("#picture");
const overlay = document.querySelector("#boxes");

// Strokes are lists of points in CSS pixels of the sheet they were written on. `zoom` shrinks them
// where the sheet has become too small for them, as on a phone that was turned.
let strokes = [];
let live = null; // the stroke under the pen, and the pointer that draws it
let pointer = null;
let blob = null;
let zoom = 1;
let penWidth = 9;
let answer = null;
let selected = 0;

/** Report `onChange(stroke)` while a stroke grows, `onStroke(stroke)` when it ends, `onSelect(index)`. */
export function listen({ onChange, onStroke, onSelect }) {
  canvas.addEventListener("pointerdown", (event) => {
    if (pointer !== null || event.button !== 0) return;
    event.preventDefault();
    if (blob) {
      const index = boxAt(place(event));
      if (index >= 0) onSelect(index);
      return;
    }
    pointer = event.pointerId;
    canvas.setPointerCapture(pointer);
    live = [place(event)];
    sheet.classList.add("writing");
    draw();
  });
  canvas.addEventListener("pointermove", (event) => {
    if (event.pointerId !== pointer) return;
    const events = event.getCoalescedEvents?.() ?? [];
    const before = live.length;
    for (const one of events.length ? events : [event]) extend(live, place(one));
    if (live.length === before) return;
    draw();
    onChange(live);
  });
  const end = (event) => {
    if (event.pointerId !== pointer) return;
    extend(live, place(event));
    const stroke = isTap(live) ? live.slice(0, 1) : live;
    const index = stroke.length === 1 ? boxAt(stroke[0]) : -1;
    pointer = live = null;
    sheet.classList.remove("writing");
    draw();
    if (index >= 0) onSelect(index);
    else onStroke(stroke);
  };
  canvas.addEventListener("pointerup", end);
  canvas.addEventListener("pointercancel", end);
  canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  new ResizeObserver(fit).observe(sheet);
  addEventListener("resize", fit); // the pixel ratio may change alone
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
}

/** Show what was written, or a picture (a Blob). */
export function show(state) {
  strokes = state.strokes;
  live = pointer = null; // undone in the middle of a stroke: the rest of it is not drawn
  sheet.classList.remove("writing");
  sheet.classList.toggle("blank", !strokes.length && !state.picture);
  sheet.classList.toggle("pictured", Boolean(state.picture));
  if (state.picture !== blob) {
    sheet.classList.remove("unseen");
    URL.revokeObjectURL(picture.src);
    blob = state.picture;
    picture.hidden = !blob;
    if (blob) picture.src = URL.createObjectURL(blob);
    else picture.removeAttribute("src");
  }
  fit();
}

/** Draw the boxes of an answer, or none for null. */
export function showBoxes(newAnswer, index) {
  answer = newAnswer;
  selected = index;
  layBoxes();
}

export function setPenWidth(pixels) {
  penWidth = pixels;
  draw();
}

// A picture that the browser cannot show, as a TIFF, can be read all the same.
picture.addEventListener("error", () => {
  picture.hidden = true;
  sheet.classList.add("unseen");
});

function place(event) {
  const frame = canvas.getBoundingClientRect();
  const inside = (value, most) => Math.round((Math.min(Math.max(value, 0), most) / zoom) * 10) / 10;
  return [
    inside(event.clientX - frame.left, frame.width),
    inside(event.clientY - frame.top, frame.height),
  ];
}

function extend(points, point) {
  const [x, y] = points.at(-1);
  if (Math.hypot(point[0] - x, point[1] - y) >= LEAST_STEP) points.push(point);
}

function isTap(points) {
  const [x, y] = points[0];
  return points.every((point) => Math.hypot(point[0] - x, point[1] - y) < TAP);
}

function fit() {
  const furthest = (axis) => Math.max(1, ...strokes.map((points) => furthestOf(points, axis)));
  zoom = Math.min(1, sheet.clientWidth / furthest(0), sheet.clientHeight / furthest(1));
  draw();
  layBoxes();
}

const furthestOf = (points, axis) => points.reduce((most, point) => Math.max(most, point[axis]), 0);

let waiting = 0;
function draw() {
  waiting ||= requestAnimationFrame(() => {
    waiting = 0;
    const ratio = devicePixelRatio;
    const size = [Math.round(sheet.clientWidth * ratio), Math.round(sheet.clientHeight * ratio)];
    if (canvas.width !== size[0] || canvas.height !== size[1]) [canvas.width, canvas.height] = size;
    const context = canvas.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, ...size);
    context.scale(ratio * zoom, ratio * zoom);
    context.lineCap = context.lineJoin = "round";
    context.lineWidth = penWidth;
    context.strokeStyle = getComputedStyle(canvas).color;
    for (const points of live ? [...strokes, live] : strokes) context.stroke(smooth(points));
  });
}

const paths = new WeakMap(); // of strokes that are whole
function smooth(points) {
  if (paths.has(points)) return paths.get(points);
  const path = new Path2D();
  path.moveTo(...points[0]);
  for (let at = 1; at < points.length - 1; at++) {
    const [[x, y], [nextX, nextY]] = [points[at], points[at + 1]];
    path.quadraticCurveTo(x, y, (x + nextX) / 2, (y + nextY) / 2);
  }
  path.lineTo(...points.at(-1)); // a dot too, since caps are round
  if (points !== live) paths.set(points, path);
  return path;
}

// Where a box of the answer stands on the sheet: left, top, width, height in CSS pixels.
function onSheet({ x, y, width, height }) {
  let [factor, left, top, margin] = [zoom, 0, 0, penWidth / 2 + 5];
  if (blob) {
    factor = Math.min(sheet.clientWidth / answer.width, sheet.clientHeight / answer.height);
    left = (sheet.clientWidth - answer.width * factor) / 2;
    top = (sheet.clientHeight - answer.height * factor) / 2;
    margin = 3;
  }
  return [
    left + x * factor - margin,
    top + y * factor - margin,
    width * factor + 2 * margin,
    height * factor + 2 * margin,
  ];
}

function boxAt([x, y]) {
  const [px, py] = [x * zoom, y * zoom];
  return (answer?.digits ?? []).findIndex((digit) => {
    const [left, top, width, height] = onSheet(digit.box);
    return px >= left && px <= left + width && py >= top && py <= top + height;
  });
}

function layBoxes() {
  const boxes = (answer?.digits ?? []).map((digit, index) => {
    const [left, top, width, height] = onSheet(digit.box);
    const box = document.createElement("div");
    box.className = "box";
    box.classList.toggle("refused", !digit.accepted);
    box.classList.toggle("selected", index === selected);
    box.classList.toggle("under", top < 24);
    Object.assign(box.style, {
      left: `${left}px`, top: `${top}px`, width: `${width}px`, height: `${height}px`,
    });
    box.append(document.createElement("span"));
    box.firstChild.textContent = digit.accepted ? digit.label : "?";
    return box;
  });
  const heights = boxes.map((box) => parseFloat(box.style.height)).sort((a, b) => a - b);
  overlay.classList.toggle("small", heights[heights.length >> 1] < LEAST_LABELLED);
  overlay.replaceChildren(...boxes);
}
