// Takes the answer back to the shop; the button is there for browsers without JavaScript.
document.querySelector("form").requestSubmit();
