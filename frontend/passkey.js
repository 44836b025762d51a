//! Passkeys: fills a form in with what the browser answers to the options of a ceremony.

// The forms stay hidden where the browser knows no passkeys, or not their JSON (Web Authentication Level 3).
const Key = window.PublicKeyCredential;
const forms = Key?.parseCreationOptionsFromJSON ? document.querySelectorAll("[data-passkey]") : [];

for (const form of forms) {
  form.hidden = false;
  form.onsubmit = async event => {
    event.preventDefault();
    const fault = form.querySelector("[role=alert]");
    fault.textContent = "";
    try {
      const options = JSON.parse(form.dataset.passkey);
      // The options of a registration name the person.
      const answer = await (options.user
        ? navigator.credentials.create({ publicKey: Key.parseCreationOptionsFromJSON(options) })
        : navigator.credentials.get({ publicKey: Key.parseRequestOptionsFromJSON(options) }));
      form.elements[form.dataset.field].value = JSON.stringify(answer);
      form.submit();
    } catch ({ name, message }) {
      fault.textContent = `No passkey was used. ${name == "NotAllowedError" ? "Try again." : message}`;
    }
  };
}
