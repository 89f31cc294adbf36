// A form with data-auto-submit sends itself; its button is there for when this file does not run.
document.querySelector("form[data-auto-submit]")?.requestSubmit();
