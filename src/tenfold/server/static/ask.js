// Questions to the server. Reading happens there alone.

export const readStrokes = (strokes, signal) =>
  post("read/strokes", JSON.stringify(strokes), "application/json", signal);

export const readPicture = (picture, signal) =>
  post("read/picture", picture, "application/octet-stream", signal);

async function post(path, body, type, signal) {
  const headers = { "Content-Type": type };
  let response;
  try {
    response = await fetch(path, { method: "POST", headers, body, signal });
  } catch (error) {
    if (signal.aborted) throw error;
    throw new Error("The server does not answer. Is “tenfold serve” still running?");
  }
  const answer = await response.json().catch(() => ({ error: `The server failed (${response.status}).` }));
  if (!response.ok) throw new Error(answer.error);
  return answer;
}
