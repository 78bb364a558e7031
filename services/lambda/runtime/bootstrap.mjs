// Runs a JavaScript handler on the Runtime API, as the managed runtime does: ES modules and CommonJS, promises and
// callbacks, the context object, error shapes, console lines with time, request id and level. No dependencies.
import http from "node:http";
import fs from "node:fs";
import path from "node:path";
import util from "node:util";
import { Writable } from "node:stream";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");
const base = "/2018-06-01/runtime/";
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
let requestId;

function ask(method, name, body, headers = {}) {
  return new Promise((resolve, reject) => {
    const request = http.request({ host, port, agent, method, path: base + name, headers, timeout: 0 }, (answer) => {
      const parts = [];
      answer.on("data", (part) => parts.push(part));
      answer.on("end", () => resolve({ headers: answer.headers, body: Buffer.concat(parts) }));
      answer.on("error", reject);
    });
    request.on("error", reject);
    request.end(body);
  });
}

function describe(error) {
  if (error instanceof Error)
    return { errorType: error.name, errorMessage: error.message, trace: (error.stack ?? "").split("\n") };
  return { errorType: typeof error, errorMessage: String(error), trace: [] };
}

const post = (name, body, type) =>
  ask("POST", name, body, {
    "Content-Type": "application/json",
    "Content-Length": Buffer.byteLength(body),
    ...(type && { "Lambda-Runtime-Function-Error-Type": type }),
  });

const levels = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];
const inJson = process.env.AWS_LAMBDA_LOG_FORMAT === "JSON";
const least = Math.max(levels.indexOf(process.env.AWS_LAMBDA_LOG_LEVEL ?? ""), 0);

function asJson(level, args) {
  const entry = { timestamp: new Date().toISOString(), level, requestId, message: args.length === 1 && typeof args[0] === "object" ? args[0] : util.format(...args) };
  const error = args.find((arg) => arg instanceof Error);
  if (error) {
    if (args.length === 1) entry.message = error.message;
    Object.assign(entry, { errorType: error.name, errorMessage: error.message, stackTrace: (error.stack ?? "").split("\n").slice(1).map((line) => line.trim()) });
  }
  try {
    return JSON.stringify(entry);
  } catch {
    return JSON.stringify({ ...entry, message: util.format(...args) });
  }
}

for (const [method, level] of Object.entries({ log: "INFO", info: "INFO", debug: "DEBUG", trace: "TRACE", warn: "WARN", error: "ERROR" })) {
  console[method] = (...args) => {
    if (inJson && levels.indexOf(level) < least) return;
    const text = inJson ? asJson(level, args)
      : `${new Date().toISOString()}\t${requestId ?? "undefined"}\t${level}\t${util.format(...args).replaceAll("\n", "\r")}`; // one line of output is one log event
    fs.writeSync(1, text + "\n");
  };
}

function fault(type, message) {
  const error = new Error(message);
  error.name = type;
  return error;
}

async function load(name) {
  const root = process.env.LAMBDA_TASK_ROOT ?? "/var/task";
  const slash = name.lastIndexOf("/");
  const parts = name.slice(slash + 1).split(".");
  if (parts.length < 2) throw fault("Runtime.MalformedHandlerName", "Bad handler");
  const file = path.resolve(root, name.slice(0, slash + 1), parts[0]);
  const found = ["", ".js", ".mjs", ".cjs"].map((end) => file + end).find((f) => fs.existsSync(f) && fs.statSync(f).isFile());
  if (!found) throw fault("Runtime.ImportModuleError", `Error: Cannot find module '${parts[0]}'`);
  let module;
  try {
    const own = findType(path.dirname(found), root);
    if (found.endsWith(".mjs") || (found.endsWith(".js") && own === "module")) module = await import(pathToFileURL(found).href);
    else module = createRequire(import.meta.url)(found);
  } catch (error) {
    if (error instanceof SyntaxError) throw fault("Runtime.UserCodeSyntaxError", String(error.stack ?? error));
    if (error.code === "MODULE_NOT_FOUND" || error.code === "ERR_MODULE_NOT_FOUND")
      throw fault("Runtime.ImportModuleError", `Error: ${error.message}`);
    throw error;
  }
  let handler = module;
  for (const part of parts.slice(1)) handler = handler?.[part] ?? handler?.default?.[part];
  if (typeof handler !== "function") throw fault("Runtime.HandlerNotFound", `${name} is undefined or not exported`);
  return handler;
}

function findType(directory, root) {
  for (let at = directory; at.startsWith(root); at = path.dirname(at)) {
    const file = path.join(at, "package.json");
    if (fs.existsSync(file)) return JSON.parse(fs.readFileSync(file, "utf8")).type;
  }
  return undefined;
}

function contextOf(headers, finish) {
  const deadline = Number(headers["lambda-runtime-deadline-ms"]);
  const context = {
    callbackWaitsForEmptyEventLoop: true,
    functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext: headers["lambda-runtime-client-context"] ? JSON.parse(headers["lambda-runtime-client-context"]) : undefined,
    identity: undefined,
    invokedFunctionArn: headers["lambda-runtime-invoked-function-arn"],
    awsRequestId: headers["lambda-runtime-aws-request-id"],
    getRemainingTimeInMillis: () => Math.max(deadline - Date.now(), 0),
    done: (error, result) => finish(error, result),
    fail: (error) => finish(error ?? "handled"),
    succeed: (result) => finish(null, result),
  };
  return context;
}

// What happens when the event loop runs empty while a call is under way.
let whenIdle;
process.on("beforeExit", () => whenIdle?.());

// The answer of one call. A promise tells it; without one the callback does, once nothing else is left to be done
// (unless callbackWaitsForEmptyEventLoop is false), and silence is null.
function call(handler, event, headers) {
  return new Promise((resolve, reject) => {
    const settle = (error, result) => (error !== undefined && error !== null ? reject(error) : resolve(result));
    const callback = (error, result) => {
      if (context.callbackWaitsForEmptyEventLoop) whenIdle = () => settle(error, result);
      else settle(error, result);
    };
    const context = contextOf(headers, settle);
    whenIdle = () => resolve(null);
    const answer = handler(event, context, callback);
    if (typeof answer?.then === "function") {
      whenIdle = () =>
        reject(fault("Runtime.NodeJsExit", "The handler's promise was never settled, and nothing is left that could settle it."));
      answer.then(resolve, reject);
    }
  }).finally(() => (whenIdle = undefined));
}

// ---- answers that are streamed: "Writing response streaming-enabled Lambda functions" ----

const streamed = Symbol("streamed");
globalThis.awslambda = {
  streamifyResponse: (handler) => Object.assign(handler, { [streamed]: true }),
  HttpResponseStream: {
    from(stream, prelude) {
      stream.setContentType("application/vnd.awslambda.http-integration-response");
      stream.write(JSON.stringify(prelude) + "\0".repeat(8));
      return stream;
    },
  },
};

class ResponseStream extends Writable {
  #type = "application/octet-stream";
  #request;
  answered = new Promise((resolve, reject) => Object.assign(this, { resolve, reject }));

  setContentType(type) {
    this.#type = type;
  }

  get begun() {
    return this.#request !== undefined;
  }

  #begin() {
    this.#request ??= http.request(
      { host, port, agent, method: "POST", path: `${base}invocation/${requestId}/response`,
        headers: { "Content-Type": this.#type, "Transfer-Encoding": "chunked", "Lambda-Runtime-Function-Response-Mode": "streaming",
                   Trailer: "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body" } },
      (answer) => answer.resume().on("end", this.resolve)).on("error", this.reject);
    return this.#request;
  }

  _write(piece, encoding, done) {
    this.#begin().write(piece, encoding, done);
  }

  _final(done) {
    this.#begin().end(done);
  }

  failed(told) {
    const request = this.#begin();
    request.addTrailers({ "Lambda-Runtime-Function-Error-Type": told.errorType,
                          "Lambda-Runtime-Function-Error-Body": Buffer.from(JSON.stringify(told)).toString("base64") });
    request.end();
  }
}

async function stream(handler, event, headers) {
  const out = new ResponseStream();
  try {
    await handler(event, out, contextOf(headers, () => {}));
    if (!out.writableEnded) out.end();
    await out.answered;
  } catch (error) {
    if (!out.begun) {
      await fail(error, `invocation/${requestId}/error`);
      return;
    }
    out.failed(describe(error));
    await out.answered;
  }
}

async function run(handler) {
  const { headers, body } = await ask("GET", "invocation/next");
  requestId = headers["lambda-runtime-aws-request-id"];
  process.env._X_AMZN_TRACE_ID = headers["lambda-runtime-trace-id"] ?? "";
  if (handler[streamed]) {
    await stream(handler, JSON.parse(body), headers);
    return;
  }
  let text;
  try {
    const result = await call(handler, JSON.parse(body), headers);
    text = JSON.stringify(result === undefined ? null : result);
  } catch (error) {
    await fail(error, `invocation/${requestId}/error`);
    return;
  }
  await post(`invocation/${requestId}/response`, text ?? "null");
}

async function fail(error, name) {
  const told = describe(error);
  if (inJson) console.error(error);
  else console.error("Invoke Error", "\t" + JSON.stringify({ ...told, stack: told.trace, trace: undefined }));
  await post(name, JSON.stringify(told), told.errorType);
}

const crash = (type) => async (reason) => {
  const told = { ...describe(reason), errorType: type, errorMessage: String(reason) };
  console.error(type, "\t" + JSON.stringify(told));
  await post(requestId ? `invocation/${requestId}/error` : "init/error", JSON.stringify(told), type).catch(() => {});
  process.exit(128);
};
process.on("uncaughtException", crash("Runtime.UncaughtException"));
process.on("unhandledRejection", crash("Runtime.UnhandledPromiseRejection"));

let handler;
try {
  handler = await load(process.env._HANDLER);
} catch (error) {
  await fail(error, "init/error");
  process.exit(1);
}
for (;;) await run(handler);
