/* Forms marked data-passkey: fetch a challenge, let the browser make or use a passkey, put what it says into the form's
   hidden field, send the form. They stay hidden where the browser has no passkeys. */
"use strict";
(() => {
  const toBytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
  const toText = (buffer) =>
    buffer && btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  const known = (list) => (list || []).map((one) => ({ ...one, id: toBytes(one.id) }));

  const ceremonies = {
    create: async (options) => {
      options.challenge = toBytes(options.challenge);
      options.user.id = toBytes(options.user.id);
      options.excludeCredentials = known(options.excludeCredentials);
      const made = await navigator.credentials.create({ publicKey: options });
      const { response } = made;
      return said(made, {
        clientDataJSON: toText(response.clientDataJSON),
        attestationObject: toText(response.attestationObject),
        transports: response.getTransports ? response.getTransports() : [],
      });
    },
    get: async (options) => {
      options.challenge = toBytes(options.challenge);
      options.allowCredentials = known(options.allowCredentials);
      const used = await navigator.credentials.get({ publicKey: options });
      const { response } = used;
      return said(used, {
        clientDataJSON: toText(response.clientDataJSON),
        authenticatorData: toText(response.authenticatorData),
        signature: toText(response.signature),
        userHandle: toText(response.userHandle),
      });
    },
  };
  const said = (credential, response) => ({
    id: credential.id,
    rawId: toText(credential.rawId),
    type: credential.type,
    response,
    clientExtensionResults: credential.getClientExtensionResults(),
  });

  const run = async (form) => {
    const headers = { "X-CSRFToken": form.elements.csrfmiddlewaretoken.value };
    const answer = await fetch(form.dataset.begin, { method: "POST", headers });
    if (answer.redirected) { location.assign(answer.url); return; } // the password is asked for again first
    if (!answer.ok) throw new Error();
    form.elements.answer.value = JSON.stringify(await ceremonies[form.dataset.passkey](await answer.json()));
    form.submit();
  };

  if (!window.PublicKeyCredential) return;
  for (const form of document.querySelectorAll("form[data-passkey]")) {
    const trouble = form.querySelector("[role=alert]"), button = form.querySelector("button");
    form.hidden = false;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      trouble.textContent = "";
      button.disabled = true;
      run(form).catch((error) => {
        button.disabled = false;
        trouble.textContent = error.name === "InvalidStateError"
          ? "This device holds a passkey for your account already."
          : "The browser gave no passkey. Try again, or use another way.";
      });
    });
  }
})();
