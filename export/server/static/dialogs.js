// The two dialogs: the API key, and the model card in a frame where no script runs.

import { storedKey } from "./api.js";

const find = (id) => document.getElementById(id);

/** Asks for the API key: a promise of it, or of null when the person would not say. */
export function askKey(sentence) {
  const [dialog, form, value] = [find("key"), find("key-form"), find("key-value")];
  find("key-sentence").textContent = sentence;
  value.value = "";
  dialog.showModal();
  return new Promise((resolve) => {
    let key = null;
    form.onsubmit = (event) => {
      event.preventDefault();
      key = value.value;
      dialog.close();
    };
    find("key-cancel").onclick = () => dialog.close();
    dialog.onclose = () => {
      value.value = "";
      resolve(key);
    };
  });
}

/** Shows the model card; throws a Refusal where there is none. */
export async function showCard(api, model) {
  const path = `${model}/card`;
  const text = await (await api.fetch(path)).text();
  const [dialog, frame, link] = [find("card"), find("card-frame"), find("card-link")];
  // A frame or a new tab cannot send the key, so then the text itself goes into the frame.
  const open = storedKey() === null;
  frame.removeAttribute(open ? "srcdoc" : "src");
  frame.setAttribute(open ? "src" : "srcdoc", open ? path : text);
  link.hidden = !open;
  link.href = path;
  find("card-close").onclick = () => dialog.close();
  dialog.showModal();
}
