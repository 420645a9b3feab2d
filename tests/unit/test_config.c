/* The configuration: defaults, every kind of field, where errors are. */
#include <sys/stat.h>
#include <unistd.h>

#include "libvt/base/fs.h"
#include "libvt/work/config.h"

#include "test.h"

static char dir[] = "/tmp/test_config.XXXXXX";
static char path[64];

static enum vt_code
load(const char *text, struct vt_config **c, struct vt_err *err)
{
	if (vt_fs_replace(path, 0600, text, strlen(text), err) != VT_OK)
		return VT_IO;
	return vt_config_load(path, "/data", c, err);
}

/* The text must be refused at a line, naming a field, for a reason. */
static void
refused(const char *text, const char *where, const char *why)
{
	struct vt_config *c;
	struct vt_err err = { 0 };
	char full[256];
	enum vt_code rc;

	rc = load(text, &c, &err);
	snprintf(full, sizeof(full), "%s:%s", path, where);
	if (!ok(rc == VT_INVALID && c == NULL &&
	    strncmp(err.text, full, strlen(full)) == 0 &&
	    strstr(err.text, why) != NULL, "refused at %s: %s", where, why))
		printf("# got %d: %s\n", (int)rc, err.text);
	vt_config_free(c);
}

#define TIER "{\"name\":\"hot\",\"url\":\"file:t\"," \
    "\"storage_class\":\"STANDARD\"}"

static void
test_default(void)
{
	struct vt_config *c, *d;
	struct vt_err err;
	char *text;

	ok(vt_config_load(NULL, "/data", &c, &err) == VT_OK, "the default");
	is_str(c->data_dir, "/data", "data folder");
	is_str(c->listen, "127.0.0.1:9000", "loopback only");
	is_str(c->admin, "127.0.0.1:9001", "admin on loopback");
	is_str(c->catalog_path, "/data/catalog.db", "catalog");
	is_str(c->access_log, "/data/access.jsonl", "access log");
	is_str(c->credentials, "/data/credentials", "credentials");
	ok(c->domain == NULL && c->tls_cert == NULL && c->tls_key == NULL,
	    "no domain, no TLS");
	is_int(c->tier_count, 4, "four tiers");
	is_str(c->tier[0].name, "hot", "the first is hot");
	is_int(c->tier[0].is_inline, 1, "and inline");
	is_int(c->tier[0].inline_max_bytes, 4096, "up to 4 KiB");
	is_int(c->tier[3].restore_delay_ms, 0, "archive has no delay");
	is_str(c->tier[2].price, "GLACIER_IR", "priced as its class");
	is_str(c->tier[2].location, "aws-us-east-1", "where we are");
	is_int(c->grace_ms, 86400000, "a day of grace");
	is_int(c->buffer_budget_bytes, 96 << 20, "96 MiB of buffers");
	is_int(c->sigv2, 0, "no old signatures");
	is_str(c->object_ownership, "BucketOwnerEnforced", "no ACLs");
	is_int(c->block_public_access, 1, "nothing public");
	ok(vt_config_class(c, "DEEP_ARCHIVE") == &c->tier[3], "by class");
	ok(vt_config_tier(c, "warm") == &c->tier[1], "by name");
	ok(vt_config_tier(c, "lukewarm") == NULL, "or not at all");
	ok(strstr(c->price_file, "/prices/aws-us-east-1.json") != NULL,
	    "the price file of the installation");
	ok(vt_config_set_share(c, "/opt/share", &err) == VT_OK, "moved");
	is_str(c->price_file, "/opt/share/prices/aws-us-east-1.json",
	    "to another folder");
	text = vt_config_default_text();
	ok(load(text, &d, &err) == VT_OK, "the default text loads");
	is_int(d->tier_count, 4, "and says the same");
	free(text);
	vt_config_free(c);
	vt_config_free(d);
	vt_config_free(NULL);
}

static void
test_fields(void)
{
	struct vt_config *c;
	struct vt_err err = { 0 };

	ok(load("{\"listen\":\"[::1]:0\",\"admin\":null,"
	    "\"region\":\"eu-north-1\",\"domain\":\"s3.example.org\","
	    "\"price_file\":\"mine/p.json\",\"catalog\":\"/ssd/c.db\","
	    "\"tls_cert\":\"c.pem\",\"tls_key\":\"/k.pem\","
	    "\"object_ownership\":\"ObjectWriter\","
	    "\"block_public_access\":false,"
	    "\"grace\":3600,\"sigv2\":true,\"clock_skew\":\"1h\","
	    "\"max_connections\":100,\"buffer_budget\":\"8M\","
	    "\"tiers\":[" TIER ",{\"name\":\"cold\",\"url\":\"s3:x\","
	    "\"storage_class\":\"GLACIER\",\"scope\":\"node:a\","
	    "\"price\":\"p\",\"location\":\"l\",\"durability_nines\":4,"
	    "\"first_byte\":\"250ms\",\"restore_delay\":\"5h\","
	    "\"inline_max\":1024}]}", &c, &err) == VT_OK, "all fields");
	if (c == NULL) {
		printf("# %s\n", err.text);
		return;
	}
	is_str(c->listen, "[::1]:0", "an IPv6 address");
	ok(c->admin == NULL, "no admin listener");
	is_str(c->domain, "s3.example.org", "domain");
	is_str(c->price_file, "/data/mine/p.json", "a relative path");
	is_str(c->catalog_path, "/ssd/c.db", "an absolute path");
	is_str(c->tls_cert, "/data/c.pem", "certificate");
	is_int(c->grace_ms, 3600000, "a bare number is seconds");
	is_int(c->clock_skew_ms, 3600000, "a duration with its unit");
	is_int(c->sigv2, 1, "a boolean");
	is_str(c->object_ownership, "ObjectWriter", "ownership");
	is_int(c->block_public_access, 0, "public access");
	is_int(c->max_connections, 100, "a number");
	is_int(c->buffer_budget_bytes, 8 << 20, "a size");
	is_str(c->tier[1].scope, "node:a", "scope");
	is_str(c->tier[1].price, "p", "price");
	is_str(c->tier[1].location, "l", "location");
	is_int(c->tier[1].durability_nines, 4, "durability");
	is_int(c->tier[1].first_byte_ms, 250, "first byte");
	is_int(c->tier[1].restore_delay_ms, 5 * 3600000, "restore delay");
	is_int(c->tier[1].inline_max_bytes, 1024, "a size in bytes");
	vt_config_free(c);
}

static void
test_errors(void)
{
	struct vt_config *c;
	struct vt_err err;

	refused("{\n\"listen\" 1}", "2:", "':' expected");
	refused("{\"tiers\":[" TIER "],\"tiers\":[]}", "1:", "duplicate");
	refused("[]", "1: configuration", "object");
	refused("{\n\n\"tiers\":[" TIER "],\n\"colour\":1}",
	    "4: colour", "no such field");
	refused("{\n\"listen\":\"x\"}", "2: listen", "HOST:PORT");
	refused("{\n\"listen\":\"h:99999\"}", "2: listen", "HOST:PORT");
	refused("{\n\"region\":\"\"}", "2: region", "empty");
	refused("{\n\"region\":\n7}", "2: region", "string");
	refused("{\"region\":\"r\\u0000x\"}", "1:", "NUL");
	refused("{\n\n\"tiers\":[" TIER "],\"grace\":\"1 fortnight\"}",
	    "3: grace", "duration");
	refused("{\"tiers\":[" TIER "],\"max_connections\":1}",
	    "1: max_connections", "from 16 to");
	refused("{\"tiers\":[" TIER "],\"max_connections\":-1}",
	    "1: max_connections", "not below 0");
	refused("{\"tiers\":[" TIER "],\n\"sigv2\":1}", "2: sigv2",
	    "true or false");
	refused("{\"tiers\":[" TIER "],\"object_ownership\":\"Mine\"}",
	    "1: object_ownership", "BucketOwnerEnforced");
	refused("{}", "1: configuration", "\"tiers\" is missing");
	refused("{\"tiers\":[]}", "1: tiers", "1 to 32");
	refused("{\"tiers\":[\n" TIER ",\n{\"name\":\"a\",\n\"url\":3}]}",
	    "4: tiers[1].url", "string");
	refused("{\"tiers\":[\n" TIER ",\n{\"name\":\"a\"}]}",
	    "3: tiers[1]", "\"url\" is missing");
	refused("{\"tiers\":[\n" TIER ",\n\n" TIER "]}", "4: tiers[1].name",
	    "two tiers");
	refused("{\"tiers\":[" TIER "],\n\"policies\":[{\"bucket\":\"*\",\n"
	    "\"spread\":\"far\"}]}", "3: policies[0].spread", "location");
	refused("{\"tiers\":[" TIER "],\n\"policies\":[{\"bucket\":\"*\",\n"
	    "\"copies\":2}]}", "3: policies[0].copies", "at 1 locations");
	refused("{\"tiers\":[" TIER "],\n\"policies\":[{\"bucket\":\"*\",\n"
	    "\"copies\":5}]}", "3: policies[0].copies", "from 1 to 4");
	refused("{\"tiers\":[{\"name\":\"a\",\"url\":\"file:a\",\n"
	    "\"compress\":20,\"storage_class\":\"S\"}]}",
	    "2: tiers[0].compress", "from 1 to 19");
	refused("{\"tiers\":[{\"name\":\"a\",\"url\":\"file:a\",\n"
	    "\"compress\":\"best\",\"storage_class\":\"S\"}]}",
	    "2: tiers[0].compress", "a level");
	refused("{\"tiers\":[{\"name\":\"a\",\"url\":\"file:a\",\n"
	    "\"encrypt\":\"a/b\",\"storage_class\":\"S\"}]}",
	    "2: tiers[0].encrypt", "no name of a master key");
	refused("{\"tiers\":[{\"name\":\"A b\",\"url\":\"x\","
	    "\"storage_class\":\"S\"}]}", "1: tiers[0].name", "a-z");
	refused("{\"x\":{\"region\":[\"a\\\"]}\",{}]},\n\"tiers\":[" TIER
	    "]}", "1: x", "no such field");
	refused("{\"tiers\":[" TIER "],\n\"tls_cert\":\"c\"}",
	    "2: tls_cert", "together");
	ok(vt_config_load("/nonexistent", "/", &c, &err) == VT_ABSENT,
	    "a missing file is absent");
}

#define POLICIES "{\"tiers\":[" TIER "],\n\"policies\":"

static void
test_policies(void)
{
	const struct vt_place *w;
	struct vt_config *c;
	struct vt_err err;

	ok(load("{\"tiers\":[" TIER ",{\"name\":\"cold\",\"url\":\"file:c\","
	    "\"storage_class\":\"GLACIER\",\"restore_delay\":\"4h\"}],"
	    "\"policies\":[{\"bucket\":\"b\",\"prefix\":\"\","
	    "\"max_first_byte_ms\":100,\"min_history_days\":60,"
	    "\"payback_max_days\":90,\"min_durability_nines\":11,"
	    "\"locations\":[\"aws-*\"]},"
	    "{\"bucket\":\"b\",\"prefix\":\"c/\",\"pin\":\"cold\","
	    "\"max_first_byte_ms\":null},"
	    "{\"bucket\":\"d\",\"tiers\":[\"cold\"]}]}", &c, &err) ==
	    VT_OK, "policies");
	w = vt_places_find(c->places, "b", "k", 1);
	ok(w != NULL && w->allowed == 1 && w->min_history_days == 60 &&
	    w->payback_max_days == 90, "every field");
	w = vt_places_find(c->places, "b", "c/k", 3);
	ok(w != NULL && w->allowed == 2 && w->pin == 1 &&
	    w->min_history_days == 60, "null lifts, what is not named stays");
	w = vt_places_find(c->places, "d", "", 0);
	ok(w != NULL && w->allowed == 2, "without a prefix");
	vt_config_free(c);
	ok(load(POLICIES "[]}", &c, &err) == VT_OK && c->places == NULL,
	    "none is none");
	vt_config_free(c);
	refused(POLICIES "{}}", "2: policies", "list");
	refused(POLICIES "[7]}", "2: policies[0]", "object");
	refused(POLICIES "[{\"prefix\":\"x\"}]}", "2: policies[0]",
	    "\"bucket\" is missing");
	refused(POLICIES "[\n{\"bucket\":\"b*\"}]}", "3: policies[0].bucket",
	    "neither the name");
	refused(POLICIES "[{\"bucket\":\"b\"},\n{\"bucket\":\"c\",\n"
	    "\"pin\":\"cool\"}]}", "4: policies[1].pin", "no tier 'cool'");
	refused(POLICIES "[{\"bucket\":\"b\",\n\"tiers\":[\"hot\","
	    "\"cool\"]}]}", "3: policies[0].tiers", "no tier 'cool'");
	refused(POLICIES "[{\"bucket\":\"b\",\"tiers\":[]}]}",
	    "2: policies[0].tiers", "1 to 64");
	refused(POLICIES "[{\"bucket\":\"b\",\"tiers\":[7]}]}",
	    "2: policies[0].tiers", "strings");
	refused(POLICIES "[{\"bucket\":\"b\",\"max_first_byte_ms\":\"1s\"}]}",
	    "2: policies[0].max_first_byte_ms", "whole number or null");
	refused(POLICIES "[{\"bucket\":\"b\",\"min_durability_nines\":0}]}",
	    "2: policies[0].min_durability_nines", "from 1 to 20");
	refused(POLICIES "[{\"bucket\":\"b\",\"max_latency\":5}]}",
	    "2: policies[0].max_latency", "no such field");
	refused(POLICIES "[{\"bucket\":\"*\"},\n{\"bucket\":\"b\","
	    "\"locations\":[\"eu\"]}]}", "3: policies[1]",
	    "leaves no tier for 'b/'");
	refused(POLICIES "[{\"bucket\":\"b\"},\n{\"bucket\":\"b\","
	    "\"prefix\":\"\"}]}", "3: policies[1]", "a policy already");
}

static void
test_encryption(void)
{
	struct vt_config *c;
	struct vt_err err;

	ok(load("{\"tiers\":[" TIER "]}", &c, &err) == VT_OK, "no word");
	is_str(c->master_key_file, "/data/master.keys", "of master keys");
	ok(c->make_master_keys && c->master_key_command == NULL,
	    "is a file that is made");
	vt_config_free(c);
	ok(load("{\"encryption\":{\"master_key_file\":\"k\"},\"tiers\":["
	    TIER "]}", &c, &err) == VT_OK, "a file");
	is_str(c->master_key_file, "/data/k", "by its name");
	is_int(c->make_master_keys, 0, "is not made");
	vt_config_free(c);
	ok(load("{\"encryption\":{\"master_key_command\":[\"/bin/cat\","
	    "\"k\"]},\"tiers\":[" TIER "]}", &c, &err) == VT_OK,
	    "a command");
	ok(c->master_key_file == NULL &&
	    strcmp(c->master_key_command[1], "k") == 0 &&
	    c->master_key_command[2] == NULL, "word by word");
	vt_config_free(c);
	refused("{\"tiers\":[" TIER "],\n\"encryption\":3}",
	    "2: encryption", "object");
	refused("{\"tiers\":[" TIER "],\n\"encryption\":{\"x\":3}}",
	    "2: encryption.x", "no such field");
	refused("{\"tiers\":[" TIER "],\"encryption\":{\n\n"
	    "\"master_key_command\":[]}}",
	    "3: encryption.master_key_command", "1 to");
	refused("{\"tiers\":[" TIER "],\"encryption\":{"
	    "\"master_key_command\":[\"cat\"]}}",
	    "1: encryption.master_key_command", "absolute");
	refused("{\"tiers\":[" TIER "],\"encryption\":{"
	    "\"master_key_command\":[\"/bin/cat\",1]}}",
	    "1: encryption.master_key_command", "strings");
	refused("{\"tiers\":[" TIER "],\"encryption\":{"
	    "\"master_key_file\":\"k\",\"master_key_command\":[\"/c\"]}}",
	    "1: encryption", "exclude");
}

static void
test_credentials(void)
{
	char cred[80];
	struct vt_cred a, b;
	struct vt_err err;
	struct stat st;
	const char *text;

	snprintf(cred, sizeof(cred), "%s/credentials", dir);
	ok(vt_cred_create(cred, &a, &err) == VT_OK, "created");
	is_int(strlen(a.access_key), 20, "an access key of 20");
	is_int(strlen(a.secret_key), 40, "a secret of 40");
	ok(stat(cred, &st) == 0 && (st.st_mode & 0777) == 0600,
	    "for the owner alone");
	ok(vt_cred_load(cred, "default", 1, &b, &err) == VT_OK &&
	    strcmp(a.access_key, b.access_key) == 0 &&
	    strcmp(a.secret_key, b.secret_key) == 0, "read back");
	ok(vt_cred_create(cred, &b, &err) == VT_EXISTS,
	    "never written over");
	ok(vt_cred_load(cred, "other", 1, &b, &err) == VT_ABSENT,
	    "a profile that is not there");
	chmod(cred, 0640);
	ok(vt_cred_load(cred, "default", 1, &b, &err) == VT_DENIED,
	    "others may read it: refused");
	ok(vt_cred_load(cred, "default", 0, &b, &err) == VT_OK,
	    "unless not strict");
	text = "# x\n[a]\naws_access_key_id=K1\naws_secret_access_key=S1\n"
	    " [ profile b ] \r\n aws_access_key_id = K2 \r\n"
	    "aws_secret_access_key = a=b/+ \naws_session_token=T\n";
	ok(vt_fs_replace(cred, 0600, text, strlen(text), &err) == VT_OK &&
	    vt_cred_load(cred, "b", 1, &b, &err) == VT_OK, "profiles");
	is_str(b.access_key, "K2", "the key of the right one");
	is_str(b.secret_key, "a=b/+", "a secret with '=' in it");
	is_str(b.session_token, "T", "a token");
	text = "[default]\naws_access_key_id=K\n";
	ok(vt_fs_replace(cred, 0600, text, strlen(text), &err) == VT_OK &&
	    vt_cred_load(cred, "default", 1, &b, &err) == VT_INVALID,
	    "half a key pair is none");
	ok(vt_cred_load("/nonexistent", "default", 1, &b, &err) ==
	    VT_ABSENT, "no file");
}

/* Accounts of Azure as az and rclone keep them, and Google's key files. */
static void
test_clouds(void)
{
	static const char text[] = "[storage]\naccount = acc\nkey = k2/=\n"
	    "[sas]\ntype = azureblob\nsas_token = ?sv=1&sig=x%3D\n"
	    "[whole]\nconnection_string = DefaultEndpointsProtocol=https;"
	    "AccountName=acc2;AccountKey=a+b==;EndpointSuffix=core.windows.net"
	    "\n[half]\naccount = acc\n[token]\naws_session_token = T\n"
	    "[vars]\nazure_storage_account=v\nazure_storage_key=w\n";
	static const char google[] =
	    " {\"type\": \"service_account\",\n \"private_key\": \"x\"}\n";
	static char big[20000];
	struct vt_cred c;
	struct vt_err err;
	char cred[80];

	snprintf(cred, sizeof(cred), "%s/clouds", dir);
	ok(vt_fs_replace(cred, 0600, text, strlen(text), &err) == VT_OK &&
	    vt_cred_load(cred, "storage", 1, &c, &err) == VT_OK &&
	    strcmp(c.access_key, "acc") == 0 &&
	    strcmp(c.secret_key, "k2/=") == 0, "as az and rclone have it");
	ok(vt_cred_load(cred, "sas", 1, &c, &err) == VT_OK &&
	    strcmp(c.session_token, "?sv=1&sig=x%3D") == 0,
	    "a SAS needs no key");
	ok(vt_cred_load(cred, "whole", 1, &c, &err) == VT_OK &&
	    strcmp(c.access_key, "acc2") == 0 &&
	    strcmp(c.secret_key, "a+b==") == 0, "a connection string");
	ok(vt_cred_load(cred, "vars", 1, &c, &err) == VT_OK &&
	    strcmp(c.access_key, "v") == 0, "the names of variables");
	is_int(vt_cred_load(cred, "half", 1, &c, &err), VT_INVALID,
	    "an account without a key");
	is_int(vt_cred_load(cred, "token", 1, &c, &err), VT_INVALID,
	    "a token without keys");
	ok(vt_fs_replace(cred, 0600, google, strlen(google), &err) == VT_OK &&
	    vt_cred_load(cred, "default", 1, &c, &err) == VT_OK &&
	    strcmp(c.session_token, google) == 0, "a key file of Google's");
	chmod(cred, 0644);
	is_int(vt_cred_load(cred, "default", 1, &c, &err), VT_DENIED,
	    "which nobody else may read");
	memset(big, ' ', sizeof(big) - 1);
	big[0] = '{';
	ok(vt_fs_replace(cred, 0600, big, strlen(big), &err) == VT_OK &&
	    vt_cred_load(cred, "default", 1, &c, &err) == VT_INVALID,
	    "nor be of any size");
}

int
main(void)
{
	char command[64];

	if (mkdtemp(dir) == NULL)
		return 1;
	snprintf(path, sizeof(path), "%s/c.json", dir);
	test_default();
	test_fields();
	test_errors();
	test_policies();
	test_encryption();
	test_credentials();
	test_clouds();
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	if (system(command) != 0)
		return 1;
	return test_done();
}
