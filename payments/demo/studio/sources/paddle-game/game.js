// A paddle game in a hundred lines. Ask, move, draw. Public domain (CC0 1.0).
const canvas = document.getElementById("field");
const pen = canvas.getContext("2d");
const { width, height } = canvas;
const colours = ["#ff5f76", "#ffb35c", "#63e0e2", "#9a8cff"];
const keys = new Set();

const paddle = { x: width / 2 - 40, y: height - 18, width: 80, height: 10, speed: 420 };
const ball = { x: 0, y: 0, width: 12, height: 12, vx: 0, vy: 0 };
let bricks, lives, state;

function begin() {
  bricks = [];
  for (let row = 0; row < 4; row++) {
    for (let column = 0; column < 8; column++) {
      bricks.push({ x: 14 + column * 57, y: 24 + row * 20, width: 52, height: 15, colour: colours[row] });
    }
  }
  lives = 3;
  serve();
}

function serve() {
  Object.assign(ball, { x: paddle.x + 34, y: paddle.y - 14, vx: 150, vy: -210 });
  state = "waiting";
}

const touches = (a, b) =>
  a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;

function move(seconds) {
  const way = keys.has("ArrowRight") - keys.has("ArrowLeft");
  paddle.x = Math.max(0, Math.min(width - paddle.width, paddle.x + way * paddle.speed * seconds));
  if (state !== "playing") return;
  ball.x += ball.vx * seconds;
  ball.y += ball.vy * seconds;
  if (ball.x < 0 || ball.x > width - ball.width) {
    ball.x = Math.max(0, Math.min(width - ball.width, ball.x));
    ball.vx = -ball.vx;
  }
  if (ball.y < 0) ball.vy = Math.abs(ball.vy);
  if (touches(ball, paddle) && ball.vy > 0) {
    // Where it hits decides where it goes: that is what makes it a game and not a film.
    ball.vx = (ball.x + 6 - paddle.x - paddle.width / 2) * 7;
    ball.vy = -Math.abs(ball.vy) * 1.02;
  }
  const hit = bricks.find((brick) => touches(ball, brick));
  if (hit) {
    const across = Math.min(ball.x + ball.width - hit.x, hit.x + hit.width - ball.x);
    const down = Math.min(ball.y + ball.height - hit.y, hit.y + hit.height - ball.y);
    if (across < down) ball.vx = -ball.vx;
    else ball.vy = -ball.vy;
    bricks.splice(bricks.indexOf(hit), 1);
    if (bricks.length === 0) state = "won";
  }
  if (ball.y > height) {
    lives -= 1;
    if (lives) serve();
    else state = "lost";
  }
}

function draw() {
  pen.clearRect(0, 0, width, height);
  for (const brick of bricks) {
    pen.fillStyle = brick.colour;
    pen.fillRect(brick.x, brick.y, brick.width, brick.height);
  }
  pen.fillStyle = "#eeeeff";
  pen.fillRect(paddle.x, paddle.y, paddle.width, paddle.height);
  pen.beginPath();
  pen.arc(ball.x + 6, ball.y + 6, 6, 0, 2 * Math.PI);
  pen.fill();
  pen.font = "16px system-ui, sans-serif";
  pen.fillText("●".repeat(lives), 14, height - 40);
  const words = { waiting: "Space to begin", won: "You did it! Space for another", lost: "Space to try again" }[state];
  if (words) pen.fillText(words, width / 2 - pen.measureText(words).width / 2, height / 2 + 20);
}

function go() {
  if (state === "waiting") state = "playing";
  else if (state !== "playing") begin();
}

addEventListener("keydown", (event) => { keys.add(event.key); if (event.key === " ") { event.preventDefault(); go(); } });
addEventListener("keyup", (event) => keys.delete(event.key));
canvas.addEventListener("pointerdown", go);
canvas.addEventListener("pointermove", (event) => {
  paddle.x = Math.max(0, Math.min(width - paddle.width, (event.offsetX / canvas.clientWidth) * width - paddle.width / 2));
});

let before = performance.now();
function frame(now) {
  move(Math.min((now - before) / 1000, 0.05)); // after a pause the ball must not jump through the wall
  before = now;
  draw();
  requestAnimationFrame(frame);
}
begin();
requestAnimationFrame(frame);
