// Runs a JavaScript handler on the Runtime API, as the managed runtime does: ES modules and CommonJS, promises and
// callbacks, the context object, error shapes, console lines with time, request id and level. No dependencies.
import http from "node:http";
import fs from "node:fs";
import path from "node:path";
import util from "node:util";
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

for (const [method, level] of Object.entries({ log: "INFO", info: "INFO", debug: "DEBUG", trace: "TRACE", warn: "WARN", error: "ERROR" })) {
  console[method] = (...args) => {
    const text = util.format(...args).replaceAll("\n", "\r"); // one line of output is one log event
    fs.writeSync(1, `${new Date().toISOString()}\t${requestId ?? "undefined"}\t${level}\t${text}\n`);
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

// The answer of one call: a promise's, or what the callback or the context was given.
function call(handler, event, headers) {
  return new Promise((resolve, reject) => {
    const finish = (error, result) => (error !== undefined && error !== null ? reject(error) : resolve(result));
    const answer = handler(event, contextOf(headers, finish), finish);
    if (typeof answer?.then === "function") answer.then(resolve, reject);
    else if (answer !== undefined || handler.length < 3) resolve(answer);
  });
}

async function run(handler) {
  const { headers, body } = await ask("GET", "invocation/next");
  requestId = headers["lambda-runtime-aws-request-id"];
  process.env._X_AMZN_TRACE_ID = headers["lambda-runtime-trace-id"] ?? "";
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
  console.error("Invoke Error", "\t" + JSON.stringify({ ...told, stack: told.trace, trace: undefined }));
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
