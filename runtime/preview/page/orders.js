// Orders to the tracker, and the session that they need.

const rights = { may_watch: false, may_control: false, guard: "" };
let changed = () => {};

export const mayControl = () => rights.may_control;
export const mayWatch = () => rights.may_watch;

export function whenRightsChange(callback) {
  changed = callback;
}

// Ask what this browser may do. A token in the address is taken out of it first.
export async function begin() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (token !== null) {
    history.replaceState(null, "", location.pathname);
    try {
      await logIn(token);
      return;
    } catch (error) {
      if (error.status !== 401) throw error;
    }
  }
  await look();
}

export async function look() {
  take(await ask("/api/session"));
}

export async function logIn(token) {
  take(await ask("/api/session", { method: "POST", body: { token } }));
}

function take(told) {
  rights.may_watch = told.may_watch;
  rights.may_control = told.may_control;
  rights.guard = told.guard ?? "";
  changed();
}

export const start = (box) => order("/api/track", "POST", box);
export const letGo = () => order("/api/track", "DELETE");
export const record = (on) => order("/api/recording", on ? "POST" : "DELETE");

async function order(path, method, body) {
  try {
    return await ask(path, { method, body });
  } catch (error) {
    // The session ran out, or the tracker was started anew with another token.
    if (error.status === 401 || error.status === 403) await look();
    throw error;
  }
}

async function ask(path, { method = "GET", body } = {}) {
  const headers = {};
  if (body !== undefined) headers["content-type"] = "application/json";
  if (method !== "GET" && rights.guard) headers["x-thermedge-guard"] = rights.guard;
  let answer;
  try {
    answer = await fetch(path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    throw new Error("The tracker does not answer.");
  }
  const told = await answer.json().catch(() => ({}));
  if (!answer.ok) {
    const error = new Error([told.error, told.fix].filter(Boolean).join(" ") || answer.statusText);
    error.status = answer.status;
    throw error;
  }
  return told;
}
