// Loads the page again when the run has got further. What the reader has kept stays kept, and the browser keeps the place.
"use strict";
(() => {
  const { state } = document.currentScript.dataset;
  const PAUSE = 2000;
  const store = `kept: ${document.title}`;
  const kept = '#front circle[aria-pressed="true"]';

  for (const trial of JSON.parse(sessionStorage.getItem(store) ?? "[]")) {
    const dot = document.querySelector(`#front circle[data-trial="${trial}"]`);
    dot?.dispatchEvent(new MouseEvent("click", { bubbles: true }));
  }

  const note = document.createElement("p");
  note.setAttribute("role", "status");
  document.querySelector("h1").after(note);
  const say = (text) => {
    if (note.textContent !== text) note.textContent = text;
  };

  const look = async () => {
    try {
      const reply = await fetch("state");
      if (reply.ok && (await reply.text()) !== state) {
        const trials = [...document.querySelectorAll(kept)].map((dot) => dot.dataset.trial);
        sessionStorage.setItem(store, JSON.stringify(trials));
        location.reload();
        return;
      }
      say("This page follows the run.");
    } catch {
      say("This page no longer follows the run: the program that served it has ended.");
    }
    setTimeout(look, PAUSE);
  };
  look();
})();
