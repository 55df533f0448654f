// Judges that are written in JavaScript: reads a list of [judge, what it is given] as JSON from standard input, and writes what
// each makes of it, or the error that it throws.
"use strict";

const judges = {
  // A mail program's reading of a whole message.
  async mail(base64) {
    const read = await require("mailparser").simpleParser(Buffer.from(base64, "base64"));
    const list = read.headers.get("list") || {};
    return {
      id: read.messageId,
      from: read.from && read.from.value,
      to: read.to && read.to.value.map((one) => one.address),
      date: read.date,
      subject: read.subject,
      text: read.text,
      html: read.html,
      leave: list.unsubscribe && list.unsubscribe.url,
      post: list["unsubscribe-post"] && list["unsubscribe-post"].name,
    };
  },

  // Ghost's own reading of a file of members: the rows, by the headers that it knows.
  ghost(path) {
    const headers = ["id", "email", "name", "note", "subscribed_to_emails", "complimentary_plan", "stripe_customer_id"];
    headers.push("created_at", "deleted_at", "labels", "tiers");
    const known = Object.fromEntries(headers.map((header) => [header, header]));
    return require("@tryghost/members-csv").parse(path, known);
  },

  // Twilio's count of the segments of a text message.
  sms(text) {
    const read = new (require("sms-segments-calculator").SegmentedMessage)(text);
    return [read.encodingName, read.segmentsCount];
  },

  // The second of Meta's own implementations of their rules for hashing.
  meta([field, value]) {
    return require("facebook-nodejs-business-sdk").ServerSideUtils.normalizeAndHash(value, field);
  },

  // The number in E.164, where it is one that is in use.
  phone([written, region]) {
    const read = require("libphonenumber-js/max").parsePhoneNumberFromString(written, region || undefined);
    return read && read.isValid() ? read.number : null;
  },
};

async function answer([name, given]) {
  try {
    return { said: await judges[name](given) };
  } catch (error) {
    return { refused: String(error.message || error) };
  }
}

async function main() {
  const asked = JSON.parse(require("node:fs").readFileSync(0, "utf-8"));
  const answers = [];
  for (const each of asked) answers.push(await answer(each));
  process.stdout.write(JSON.stringify(answers));
}

main();
