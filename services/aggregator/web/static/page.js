// Keeps the page alive: on every server-sent event it fetches itself anew and puts in what has changed.
"use strict";

const served = new Map([...document.querySelectorAll("[data-live]")].map((part) => [part.id, part.outerHTML]));
const heatMap = document.getElementById("heatmap") && new HeatMap(document.getElementById("heatmap"), document.getElementById("tip"));
const link = document.getElementById("link");
let stream = null;
let fetching = false;
let stale = false;
let seenAt = new Date();

function showGrid() {
  const data = document.getElementById("grid-data");
  if (heatMap && data && data.dataset.map) heatMap.show(JSON.parse(data.dataset.map), JSON.parse(data.dataset.crystals));
}

function localise(root) {
  const today = new Date().toDateString();
  for (const time of root.querySelectorAll("time:not(.age)")) {
    const moment = new Date(time.dateTime);
    const date = moment.toDateString() === today ? "" : `${moment.toLocaleDateString("en-GB", { day: "2-digit", month: "short" })} `;
    time.textContent = date + moment.toLocaleTimeString("en-GB");
  }
}

function replace(fresh) {
  const live = document.getElementById(fresh.id);
  if (!live || served.get(fresh.id) === fresh.outerHTML) return;
  served.set(fresh.id, fresh.outerHTML);
  for (const open of live.querySelectorAll("details[open]")) {
    const again = open.id && fresh.querySelector(`#${CSS.escape(open.id)}`);
    if (again) again.open = true;
  }
  live.replaceWith(fresh);
  localise(fresh);
  if (fresh.id === "grid-data") showGrid();
}

async function refresh() {
  if (fetching) {
    stale = true;
    return;
  }
  fetching = true;
  try {
    const answer = await fetch(location.href, { headers: { accept: "text/html" } });
    if (!answer.ok) throw new Error(answer.statusText);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    document.title = page.title;
    page.querySelectorAll("[data-live]").forEach((part) => replace(document.adoptNode(part)));
    seenAt = new Date();
    tell("live", "● live");
  } catch {
    lost();
  }
  fetching = false;
  if (stale) {
    stale = false;
    refresh();
  }
}

function tell(tone, words) {
  link.className = `link ${tone}`;
  if (link.textContent !== words) link.textContent = words;
}

function lost() {
  tell("lost", `✕ not live: the aggregator does not answer. What you see is of ${seenAt.toLocaleTimeString("en-GB")}.`);
}

function connect() {
  stream = new EventSource("/events");
  stream.addEventListener("change", refresh);
  stream.onerror = () => {
    lost();
    if (stream && stream.readyState === EventSource.CLOSED) setTimeout(connect, 3000);
  };
}

// A browser allows six connections to one server: hidden tabs must not hold one each.
function listenWhenSeen() {
  if (document.hidden) {
    stream?.close();
    stream = null;
  } else if (!stream) {
    connect();
  }
}

function ageing() {
  for (const time of document.querySelectorAll("time.age")) {
    const seconds = Math.max(0, Math.round((Date.now() - new Date(time.dateTime)) / 1000));
    time.textContent = seconds < 120 ? `${seconds} s ago` : seconds < 7200 ? `${Math.floor(seconds / 60)} min ago` : `${Math.floor(seconds / 3600)} h ago`;
  }
}

localise(document);
showGrid();
ageing();
setInterval(ageing, 1000);
document.addEventListener("visibilitychange", listenWhenSeen);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => heatMap?.draw());
listenWhenSeen();
