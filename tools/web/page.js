// SPDX-License-Identifier: Apache-2.0
// The page of tools/zvm-web: it shows what comes from /events, and sends keys and actions.
"use strict";

const $ = (id) => document.getElementById(id);
const KINDS = ["irq", "wfx", "hvc", "smc", "sysreg", "mmio", "fp", "fault"];

const make = (name, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
};

const say = (problem) => {
  $("problem").textContent = problem;
  $("problem").hidden = !problem;
};

// What the machine or the server refuses comes as an error with its words.
const post = async (path, body = "") => {
  let answer;
  try {
    answer = await fetch(path, { method: "POST", body });
  } catch {
    throw new Error("the page's server does not answer");
  }
  const said = await answer.json();
  if (said.error) throw new Error(said.error);
  return said;
};

// ---- terminals ----

const terminals = new Map();

class Screen {
  constructor(name) {
    this.name = name;
    this.keys = "";
    this.sends = false;
    this.replays = 0;
    this.tab = make("button", { textContent: name });
    this.tab.setAttribute("role", "tab");
    this.tab.addEventListener("click", () => select(name));
    this.place = make("div", { className: "screen", hidden: true });
    this.place.dataset.terminal = name;
    this.terminal = new Terminal({
      cols: 80, rows: 30, fontSize: 13, scrollback: 5000, cursorBlink: false,
      fontFamily: 'ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace',
      theme: { background: "#12151b", foreground: "#dfe4ec" },
    });
    // What a terminal answers to old output is nothing that was typed.
    this.terminal.onData((data) => { if (!this.replays) this.type(data); });
    this.terminal.onBinary((data) => { if (!this.replays) this.type(data); });
  }

  show(data, again) {
    const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
    if (again) {
      this.terminal.reset();
      this.replays++;
    }
    this.terminal.write(bytes, () => { if (again) this.replays--; });
  }

  // One request at a time: keys arrive in their order.
  async type(data) {
    this.keys += data;
    if (this.sends) return;
    this.sends = true;
    try {
      while (this.keys) {
        const keys = this.keys;
        this.keys = "";
        await post(`type?terminal=${this.name}`, keys);
        say("");
      }
    } catch (error) {
      say(error.message);
    }
    this.sends = false;
  }
}

const screen = (name) => {
  if (!terminals.has(name)) terminals.set(name, new Screen(name));
  return terminals.get(name);
};

const select = (name) => {
  for (const each of terminals.values()) {
    each.tab.setAttribute("aria-selected", each.name === name);
    each.place.hidden = each.name !== name;
  }
  const chosen = screen(name);
  if (!chosen.terminal.element) chosen.terminal.open(chosen.place);
  chosen.terminal.focus();
};

// The shell's tab, and one for each VM that has a console port.
const arrange = (vms) => {
  const labels = new Map([["shell", "shell"]]);
  for (const vm of vms) if (vm.port !== null) labels.set(String(vm.port), vm.name);
  for (const [name, label] of labels) {
    const each = screen(name);
    each.tab.textContent = label;
    if (!each.place.parentNode) $("screens").append(each.place);
    if (!each.tab.parentNode) $("tabs").append(each.tab);
  }
  for (const each of terminals.values()) {
    if (labels.has(each.name) || !each.tab.parentNode) continue;
    const selected = !each.place.hidden;
    each.tab.remove();
    if (selected) select("shell");
  }
};

// ---- VMs ----

const duration = (ns) => {
  if (ns < 1000) return `${ns} ns`;
  if (ns < 1e6) return `${+(ns / 1e3).toPrecision(3)} µs`;
  if (ns < 1e9) return `${+(ns / 1e6).toPrecision(3)} ms`;
  return `${+(ns / 1e9).toPrecision(3)} s`;
};

const svg = (name, attributes, text = "") => {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.textContent = text;
  return element;
};

// Counts by lateness: both scales are logarithmic, as one late timer in a million matters.
const histogram = (counts) => {
  const left = 4, width = 312, bottom = 74, height = 70;
  const known = counts.filter(([from]) => from > 0);
  const low = Math.floor(Math.log10(Math.min(100, ...known.map(([from]) => from))));
  const high = Math.max(low + 3, Math.ceil(Math.log10(Math.max(1, ...known.map(([from]) => from)) * 1.2)));
  const most = Math.log10(1 + Math.max(1, ...counts.map(([, count]) => count)));
  const x = (ns) => left + width * (Math.log10(Math.max(ns, 10 ** low)) - low) / (high - low);
  const parts = [svg("line", { x1: left, x2: left + width, y1: bottom, y2: bottom })];
  const step = high - low > 5 ? 2 : 1;
  for (let power = low; power <= high; power += step) {
    const anchor = power === low ? "start" : power === high ? "end" : "middle";
    parts.push(svg("text", { x: x(10 ** power), y: 88, "text-anchor": anchor }, duration(10 ** power)));
    parts.push(svg("line", { x1: x(10 ** power), x2: x(10 ** power), y1: bottom, y2: bottom + 4 }));
  }
  for (const [from, count] of counts) {
    const tall = height * Math.log10(1 + count) / most;
    const bar = svg("rect", { x: x(from), y: bottom - tall, height: tall, rx: 1,
                              width: Math.max(2, width * Math.log10(1.19) / (high - low) - 1) });
    bar.append(svg("title", {}, `${count} from ${duration(from)} on`));
    parts.push(bar);
  }
  return parts;
};

const exits = (rates) => {
  const most = Math.max(1, ...KINDS.map((kind) => rates[kind]));
  const rows = KINDS.filter((kind) => rates[kind]).map((kind) => {
    const fill = make("div", { className: "fill" });
    fill.style.width = `${100 * rates[kind] / most}%`;
    return [make("span", { textContent: kind }), make("div", { className: "bar" }, fill),
            make("output", { textContent: `${rates[kind].toLocaleString("en")}/s` })];
  });
  return rows.length ? rows.flat() : [make("span", { className: "none", textContent: "none in the last second" })];
};

const lines = (texts) => texts.map((text) => make("p", { textContent: text }));

const cards = new Map();

class Card {
  constructor(vm) {
    this.id = vm.id;
    this.port = vm.port;
    this.element = $("vm").content.cloneNode(true).querySelector(".vm");
    this.element.dataset.vm = vm.name;
    for (const button of this.element.querySelectorAll("[data-do]"))
      button.addEventListener("click", () => this.act(button));
    this.part(".open").addEventListener("click", () => select(String(this.port)));
  }

  part(selector) {
    return this.element.querySelector(selector);
  }

  refuse(why) {
    this.part(".refused").textContent = why;
    this.part(".refused").hidden = !why;
  }

  async act(button) {
    button.disabled = true;
    this.refuse("");
    try {
      await post(`act?do=${button.dataset.do}&vm=${this.id}`);
    } catch (error) {
      this.refuse(error.message);
    }
    button.disabled = false;
  }

  show(vm) {
    this.id = vm.id;
    this.port = vm.port;
    const watched = !vm.why.some((line) => line.includes("has no late limit"));
    const total = KINDS.reduce((sum, kind) => sum + vm.exits[kind], 0);
    this.part(".name").textContent = vm.name;
    this.part(".type").textContent = `${vm.id}, ${vm.type}, ${vm.memory_mib} MiB, priority ${vm.priority}`;
    this.part(".state").textContent = vm.state;
    this.part(".state").className = `state ${vm.state}`;
    this.part(".open").hidden = vm.port === null;
    this.part(".figure .fill").style.width = `${vm.cpu_percent / vm.vcpus}%`;
    this.part(".cpu").textContent = `${vm.cpu_percent.toFixed(1)} of ${100 * vm.vcpus} %`;
    this.part(".total").textContent = `${total.toLocaleString("en")} a second`;
    this.part(".exits").replaceChildren(...exits(vm.exits));
    this.part(".count").textContent = vm.late.count ? `${vm.late.count.toLocaleString("en")} timer interrupts` : "none came yet";
    this.part(".late").replaceChildren(...(vm.late.count ? histogram(vm.late_counts) : []));
    this.part(".late").setAttribute("aria-label", `histogram of ${vm.late.count} timer interrupts`);
    this.part(".quantiles").textContent = vm.late.count
      ? `half within ${duration(vm.late.p50)}, 99 % within ${duration(vm.late.p99)}, all within ${duration(vm.late.max)}`
      : "";
    this.part(".note").textContent = vm.late.count ? vm.note : "";
    this.part(".watch").hidden = watched;
    this.part(".why").replaceChildren(...(watched ? lines(vm.why) : []));
    this.part(".crash").replaceChildren(...lines(vm.crash));
  }
}

const hint = (types) => make("p", {
  className: "hint",
  textContent: `There are no VMs. In the shell, zvm new -t ${types[0] || "TYPE"} makes one` +
    (types.length > 1 ? ` (types: ${types.join(", ")}).` : "."),
});

const showState = (state) => {
  const names = new Set(state.vms.map((vm) => vm.name));
  for (const [name, card] of cards) {
    if (names.has(name)) continue;
    card.element.remove();
    cards.delete(name);
  }
  for (const vm of state.vms) {
    if (!cards.has(vm.name)) {
      if (!cards.size) $("vms").replaceChildren();
      cards.set(vm.name, new Card(vm));
      $("vms").append(cards.get(vm.name).element);
    }
    cards.get(vm.name).show(vm);
  }
  if (!state.vms.length) $("vms").replaceChildren(hint(state.types));
  arrange(state.vms);
  if (state.error) say(state.error);
  const running = state.vms.filter((vm) => vm.state === "running").length;
  $("summary").textContent = `${state.vms.length} VM${state.vms.length === 1 ? "" : "s"}, ${running} running`;
};

// ---- the stream ----

arrange([]);
select("shell");

const events = new EventSource("events");
events.addEventListener("output", (event) => {
  const { terminal, data, again } = JSON.parse(event.data);
  screen(terminal).show(data, again);
});
events.addEventListener("state", (event) => showState(JSON.parse(event.data)));
events.addEventListener("error", () => { $("summary").textContent = "no connection: the machine has ended, or its page"; });
