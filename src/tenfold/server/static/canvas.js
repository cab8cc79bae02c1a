// The drawing area: takes strokes, shows ink, an image and the boxes of the digits.

const PEN_ERASER = 5; // the button that the other end of a pen is
const MIN_STEP = 0.7; // CSS pixels between two points; a pen reports many more
const TAP_RADIUS = 4; // CSS pixels; a stroke within it is a tap
const RUBBER = 9; // CSS pixels; the eraser's radius, that of its cursor
const MIN_LABELLED = 30; // CSS pixels of the median box; labels would hide smaller digits
const SPOTS = [[], ["label-right"], ["label-below"], ["label-below", "label-right"]];

const area = document.querySelector("#area");
const canvas = document.querySelector("#canvas");
const image = document.querySelector("#image");
const overlay = document.querySelector("#boxes");

// Strokes are lists of points in CSS pixels of the area that they were drawn on. `zoom` shrinks them
// where the area has become too small for them, as on a phone that was rotated.
let strokes = [];
let growing = null; // the stroke that is being drawn, and the pointer that draws it
let pointer = null;
let isEraser = false; // the tool that a pointer is
let kept = null; // the strokes that the eraser has not touched, while it is down
let rubbed = null; // where it was last
let blob = null;
let zoom = 1;
let penWidth = 9;
let reading = null;
let selected = 0;

/**
 * Call `onChange(stroke)` while a stroke grows, `onStroke(stroke)` at its end, `onErase(strokes)` with
 * those that are left, `onSelect(index)`.
 */
export function listen({ onChange, onStroke, onErase, onSelect }) {
  canvas.addEventListener("pointerdown", (event) => {
    if (pointer !== null || ![0, PEN_ERASER].includes(event.button)) return;
    event.preventDefault();
    if (blob) {
      const index = boxAt(toPoint(event));
      if (index >= 0) onSelect(index);
      return;
    }
    pointer = event.pointerId;
    canvas.setPointerCapture(pointer);
    area.classList.add("drawing");
    if (isEraser || event.button === PEN_ERASER) {
      kept = strokes;
      rubbed = toPoint(event);
      rub(rubbed);
    } else {
      growing = [toPoint(event)];
    }
    draw();
  });
  canvas.addEventListener("pointermove", (event) => {
    if (event.pointerId !== pointer) return;
    let events = event.getCoalescedEvents?.() ?? [];
    if (!events.length) events = [event];
    if (kept) {
      for (const one of events) rub(toPoint(one));
      draw();
      return;
    }
    const length = growing.length;
    for (const one of events) extend(growing, toPoint(one));
    if (growing.length === length) return;
    draw();
    if (!isTap(growing)) onChange(growing);
  });
  const end = (event) => {
    if (event.pointerId !== pointer) return;
    if (kept) {
      const left = kept;
      pointer = kept = null;
      area.classList.remove("drawing");
      draw();
      if (left.length < strokes.length) onErase(left);
      return;
    }
    extend(growing, toPoint(event));
    const stroke = isTap(growing) ? growing.slice(0, 1) : growing;
    const index = stroke.length === 1 ? boxAt(stroke[0]) : -1;
    pointer = growing = null;
    area.classList.remove("drawing");
    draw();
    if (index >= 0) onSelect(index);
    else onStroke(stroke);
  };
  canvas.addEventListener("pointerup", end);
  canvas.addEventListener("pointercancel", end);
  // A quick stroke would be a fling to the browser, and the tap after it what stops the fling.
  canvas.addEventListener("touchstart", (event) => event.preventDefault(), { passive: false });
  canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  new ResizeObserver(fit).observe(area);
  addEventListener("resize", fit); // the pixel ratio may change alone
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
}

/** Show strokes, or an image (a Blob). */
export function show(state) {
  strokes = state.strokes;
  growing = kept = pointer = null; // an undo during a stroke ends it
  area.classList.remove("drawing");
  area.classList.toggle("blank", !strokes.length && !state.image);
  area.classList.toggle("has-image", Boolean(state.image));
  if (state.image !== blob) {
    area.classList.remove("undisplayable");
    URL.revokeObjectURL(image.src);
    blob = state.image;
    image.hidden = !blob;
    if (blob) image.src = URL.createObjectURL(blob);
    else image.removeAttribute("src");
  }
  fit();
}

/** Draw the boxes of a reading, or none for null. */
export function showBoxes(newReading, index) {
  reading = newReading;
  selected = index;
  layOutBoxes();
}

/** Make the pointer an eraser, which removes each stroke that it touches, or a pen. */
export function setEraser(on) {
  isEraser = on;
  area.classList.toggle("erasing", on);
}

export function setPenWidth(pixels) {
  penWidth = pixels;
  draw();
}

// An image that the browser cannot display, as a TIFF, can still be read.
image.addEventListener("error", () => {
  image.hidden = true;
  area.classList.add("undisplayable");
});

function toPoint(event) {
  const bounds = canvas.getBoundingClientRect();
  const clamp = (value, most) => Math.round((Math.min(Math.max(value, 0), most) / zoom) * 10) / 10;
  return [
    clamp(event.clientX - bounds.left, bounds.width),
    clamp(event.clientY - bounds.top, bounds.height),
  ];
}

function extend(points, point) {
  const [x, y] = points.at(-1);
  if (Math.hypot(point[0] - x, point[1] - y) >= MIN_STEP) points.push(point);
}

function isTap(points) {
  const [x, y] = points[0];
  return points.every((point) => Math.hypot(point[0] - x, point[1] - y) < TAP_RADIUS);
}

// Remove the strokes between where the eraser was and `point`.
function rub(point) {
  const [[fromX, fromY], [toX, toY]] = [rubbed, point];
  const reach = penWidth / 2 + RUBBER / zoom;
  const steps = Math.max(1, Math.ceil(Math.hypot(toX - fromX, toY - fromY) / reach));
  for (let step = 0; step <= steps; step++) {
    const x = fromX + ((toX - fromX) * step) / steps;
    const y = fromY + ((toY - fromY) * step) / steps;
    kept = kept.filter((points) => distance(points, x, y) > reach);
  }
  rubbed = point;
}

// From a point to the nearest of a stroke's lines.
function distance(points, x, y) {
  let least = Math.hypot(points[0][0] - x, points[0][1] - y);
  for (let at = 1; at < points.length; at++) {
    const [[x0, y0], [x1, y1]] = [points[at - 1], points[at]];
    const squared = (x1 - x0) ** 2 + (y1 - y0) ** 2 || 1;
    const along = Math.min(1, Math.max(0, ((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / squared));
    least = Math.min(least, Math.hypot(x0 + along * (x1 - x0) - x, y0 + along * (y1 - y0) - y));
  }
  return least;
}

function fit() {
  const extent = (axis) => Math.max(1, ...strokes.map((points) => largest(points, axis)));
  zoom = Math.min(1, area.clientWidth / extent(0), area.clientHeight / extent(1));
  draw();
  layOutBoxes();
}

const largest = (points, axis) => points.reduce((most, point) => Math.max(most, point[axis]), 0);

let frame = 0;
function draw() {
  frame ||= requestAnimationFrame(() => {
    frame = 0;
    const ratio = devicePixelRatio;
    const size = [Math.round(area.clientWidth * ratio), Math.round(area.clientHeight * ratio)];
    if (canvas.width !== size[0] || canvas.height !== size[1]) [canvas.width, canvas.height] = size;
    const context = canvas.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, ...size);
    context.scale(ratio * zoom, ratio * zoom);
    context.lineCap = context.lineJoin = "round";
    context.lineWidth = penWidth;
    context.strokeStyle = getComputedStyle(canvas).color;
    const shown = kept ?? strokes;
    for (const points of growing ? [...shown, growing] : shown) context.stroke(smooth(points));
  });
}

const paths = new WeakMap(); // of finished strokes
function smooth(points) {
  if (paths.has(points)) return paths.get(points);
  const path = new Path2D();
  path.moveTo(...points[0]);
  for (let at = 1; at < points.length - 1; at++) {
    const [[x, y], [nextX, nextY]] = [points[at], points[at + 1]];
    path.quadraticCurveTo(x, y, (x + nextX) / 2, (y + nextY) / 2);
  }
  const [endX, endY] = points.at(-1);
  path.lineTo(endX + (points.length === 1 ? 0.01 : 0), endY); // no line, no dot: not even its caps
  if (points !== growing) paths.set(points, path);
  return path;
}

// A box of the reading on the area: left, top, width, height in CSS pixels.
function toArea({ x, y, width, height }) {
  let [factor, left, top, margin] = [zoom, 0, 0, penWidth / 2 + 5];
  if (blob) {
    factor = Math.min(area.clientWidth / reading.width, area.clientHeight / reading.height);
    left = (area.clientWidth - reading.width * factor) / 2;
    top = (area.clientHeight - reading.height * factor) / 2;
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
  return (reading?.digits ?? []).findIndex((digit) => {
    const [left, top, width, height] = toArea(digit.box);
    return px >= left && px <= left + width && py >= top && py <= top + height;
  });
}

function layOutBoxes() {
  const boxes = (reading?.digits ?? []).map((digit, index) => {
    const [left, top, width, height] = toArea(digit.box);
    const box = document.createElement("div");
    box.className = "box";
    box.classList.toggle("rejected", !digit.accepted);
    box.classList.toggle("selected", index === selected);
    Object.assign(box.style, {
      left: `${left}px`, top: `${top}px`, width: `${width}px`, height: `${height}px`,
    });
    box.append(document.createElement("span"));
    box.firstChild.textContent = digit.accepted ? digit.label : "?";
    return box;
  });
  const heights = boxes.map((box) => parseFloat(box.style.height)).sort((a, b) => a - b);
  overlay.classList.toggle("small", heights[heights.length >> 1] < MIN_LABELLED);
  overlay.replaceChildren(...boxes);
  if (!overlay.classList.contains("small")) placeLabels(boxes);
}

// Put each label above its box or beneath it, where it covers no other label and, if possible, no
// other box. One that has no room is not shown: the result has it too.
function placeLabels(boxes) {
  const frames = boxes.map((box) => ({
    left: box.offsetLeft, top: box.offsetTop,
    right: box.offsetLeft + box.offsetWidth, bottom: box.offsetTop + box.offsetHeight,
  }));
  const taken = [];
  boxes.forEach((box, index) => {
    const label = box.firstChild;
    const [width, height, frame] = [label.offsetWidth, label.offsetHeight, frames[index]];
    const spots = SPOTS.map((name) => {
      const left = name.includes("label-right") ? frame.right - width : frame.left;
      const top = name.includes("label-below") ? frame.bottom : frame.top - height;
      return { name, left, top, right: left + width, bottom: top + height };
    }).filter(({ left, top, right, bottom }) =>
      left >= 0 && top >= 0 && right <= area.clientWidth && bottom <= area.clientHeight);
    const free = spots.filter((spot) => !taken.some((other) => overlap(spot, other)));
    const others = frames.filter((other) => other !== frame);
    const best = free.find((spot) => !others.some((other) => overlap(spot, other))) ?? free[0];
    label.hidden = !best;
    if (!best) return;
    box.classList.add(...best.name);
    taken.push(best);
  });
}

const overlap = (one, other) =>
  one.left < other.right && other.left < one.right && one.top < other.bottom && other.top < one.bottom;
