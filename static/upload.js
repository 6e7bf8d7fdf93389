/* Choose a file, say what it is, send it with a progress bar, then go to its page.
   Without this script the page explains that sending needs it; everything else is plain HTML. */
"use strict";
(() => {
  const form = document.getElementById("upload-form");
  const at = (id) => document.getElementById(id);
  const file = at("file"), drop = at("drop"), go = at("go"), bar = at("upload-bar");
  const token = form.elements.csrfmiddlewaretoken.value;
  let chosen = null, transfer = null;

  const bytes = (n) => {
    const units = ["bytes", "kB", "MB", "GB", "TB"];
    let i = 0;
    while (Math.round(n * 10) / 10 >= 1000 && i < units.length - 1) { n /= 1000; i += 1; }
    return (Math.round(n * 10) / 10).toLocaleString("en-GB") + "\u00a0" + units[i];
  };

  const refuse = (sentence) => {
    const box = at("upload-error");
    box.replaceChildren(Object.assign(document.createElement("p"), { textContent: sentence }));
    box.hidden = !sentence;
    if (sentence) box.scrollIntoView({ block: "nearest" });
  };

  const choose = async (picked) => {
    if (transfer || !picked) return;
    chosen = picked;
    refuse("");
    at("drop-empty").hidden = true;
    at("drop-file").hidden = false;
    drop.classList.add("chosen");
    at("file-name").textContent = picked.name;
    at("file-facts").textContent = bytes(picked.size);
    if (picked.size > Number(form.dataset.maxBytes)) {
      refuse(`This file has ${bytes(picked.size)}; the ${form.dataset.plan} plan allows ${form.dataset.maxText}. Compress it with bgzip or split it by chromosome.`);
      chosen = null;
      return;
    }
    if (picked.size === 0) { refuse("This file is empty. Choose another one."); chosen = null; return; }
    if ("any" in form.dataset) return;
    const head = await readVcfHead(picked).catch(() => null);
    if (chosen !== picked || !head) return;
    const { facts, version } = describeVcfHead(head);
    at("file-facts").textContent = [bytes(picked.size), ...facts].join(", ");
    if (head.foreign) { refuse(`This is not a VCF but ${head.foreign}.`); chosen = null; return; }
    if (head.text && !version) refuse("This does not look like a VCF: its first line is not ##fileformat=VCFv4.x. It may be refused.");
    else if (version && !/^4\.[0-5]$/.test(version)) refuse(`This is VCF ${version}; VCF 4.0 to 4.5 is read here. It may be refused.`);
  };

  const announce = async () => {
    const body = new URLSearchParams({ file_name: chosen.name, size_bytes: String(chosen.size) });
    const answer = await fetch(form.dataset.uploads, { method: "POST", body, headers: { "X-CSRFToken": token, Accept: "application/json" } });
    if (!(answer.headers.get("Content-Type") || "").startsWith("application/json")) throw new Error("Your session has ended. Sign in again in another tab, then press the button again.");
    const said = await answer.json();
    if (!answer.ok) throw new Error(said.sentence);
    return said;
  };

  const send = (ticket) => new Promise((resolve, reject) => {
    const request = transfer = new XMLHttpRequest();
    const started = performance.now();
    request.open(ticket.method, ticket.url);
    for (const [name, value] of Object.entries(ticket.headers)) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => {
      if (!event.lengthComputable) return;
      bar.value = event.loaded / event.total;
      const seconds = (performance.now() - started) / 1000;
      const left = seconds * (event.total / Math.max(event.loaded, 1) - 1);
      at("upload-text").textContent = `${bytes(event.loaded)} of ${bytes(event.total)}` + (seconds > 2 && left > 1 ? `, about ${left < 90 ? Math.ceil(left) + " seconds" : Math.ceil(left / 60) + " minutes"} left` : "");
    };
    request.onload = () => {
      if (request.status >= 200 && request.status < 300) return resolve();
      let sentence = "The file could not be received. Try again.";
      try { sentence = JSON.parse(request.responseText).sentence || sentence; } catch { /* storage answers in its own words */ }
      reject(new Error(sentence));
    };
    request.onerror = () => reject(new Error("The connection broke before the whole file was sent. Try again."));
    request.onabort = () => reject(new Error(""));
    if (ticket.method === "PUT") {
      request.setRequestHeader("X-CSRFToken", token);
      request.send(chosen);
      return;
    }
    const fields = new FormData();
    for (const [name, value] of Object.entries(ticket.fields)) fields.append(name, value);
    fields.append("file", chosen);
    request.send(fields);
  });

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (transfer) return;
    if (!chosen) { refuse("Choose a file first."); file.focus(); return; }
    refuse("");
    go.disabled = true;
    bar.value = 0;
    at("upload-text").textContent = "";
    at("uploading").hidden = false;
    try {
      const ticket = await announce();
      await send(ticket);
      at("upload-text").textContent = "Received. Looking at what it is.";
      transfer = null;
      const uploadId = form.elements.upload_id;  // a page with more fields is sent with them
      if (uploadId) { uploadId.value = ticket.upload_id; form.submit(); }
      else location.assign(ticket.page);
    } catch (error) {
      refuse(error.message === "Failed to fetch" ? "The service does not answer. Check the connection and try again." : error.message);
      at("uploading").hidden = true;
      go.disabled = false;
    } finally {
      transfer = null;
    }
  });

  at("upload-stop").addEventListener("click", () => transfer && transfer.abort());
  file.addEventListener("change", () => choose(file.files[0]));
  for (const type of ["dragenter", "dragover"]) {
    window.addEventListener(type, (event) => { event.preventDefault(); drop.classList.add("over"); });
  }
  window.addEventListener("dragleave", (event) => { if (!event.relatedTarget) drop.classList.remove("over"); });
  window.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    choose(event.dataTransfer.files[0]);
  });
  window.addEventListener("beforeunload", (event) => { if (transfer) event.preventDefault(); });
})();
