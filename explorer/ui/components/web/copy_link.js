// A button that puts the address of the page, which holds every setting, on the clipboard.
export default function ({ parentElement }) {
  const button = parentElement.querySelector("button");
  button.onclick = async () => {
    button.textContent = (await copied(window.location.href)) ? "Link copied" : "Copy it from the address bar";
    setTimeout(() => (button.textContent = "Copy link"), 2500);
  };
}

/** Put a text on the clipboard; outside https and this machine browsers know only the old way. */
async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = Object.assign(document.createElement("textarea"), { value: text });
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}
