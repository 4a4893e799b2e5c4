// Reads an array of requests and writes, for each, what is wrong with it, or "".
const { Webhook } = require("standardwebhooks");

const requests = JSON.parse(require("fs").readFileSync(0, "utf8"));
const wrong = requests.map((r) => {
  Date.now = () => r.at;
  try {
    new Webhook(r.key).verify(r.body, r.headers);
    return "";
  } catch (e) {
    return e.message || "an error without a message";
  }
});
process.stdout.write(JSON.stringify(wrong));
