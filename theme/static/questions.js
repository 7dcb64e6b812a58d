// Self-check questions: a button that says what the chosen answer shows. Without this script the reasons fold out.
(() => {
  for (const box of document.querySelectorAll(".question")) {
    const reasons = box.querySelector(".reasons");
    const texts = reasons.querySelectorAll("ol > li");
    const button = document.createElement("button");
    const status = document.createElement("div");
    button.type = "button";
    button.textContent = "Check";
    button.setAttribute("aria-describedby", box.id + "-title");
    status.className = "verdict";
    status.setAttribute("role", "status");
    reasons.before(button, status);
    reasons.hidden = true;
    button.addEventListener("click", () => {
      const chosen = box.querySelector("input:checked");
      status.dataset.verdict = !chosen ? "none" : chosen.value === box.dataset.right ? "right" : "wrong";
      if (chosen) status.replaceChildren(...texts[chosen.value - 1].cloneNode(true).childNodes);
      else status.textContent = "Choose an answer first.";
      if (chosen) reasons.hidden = false;
    });
  }
  addEventListener("beforeprint", () => {
    for (const reasons of document.querySelectorAll(".reasons")) reasons.hidden = false;
  });
})();
