/* Signature Version 4 over a plain socket: see aws_call.h. Hashes are OpenSSL's. */
#include "aws_call.h"

#include <netdb.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static int connection = -1;

static void hex_of(const unsigned char *bytes, size_t n, char *out)
{
	for (size_t i = 0; i < n; i++)
		snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

static void sha256_hex(const char *text, size_t n, char out[65])
{
	unsigned char digest[32];
	SHA256((const unsigned char *)text, n, digest);
	hex_of(digest, sizeof digest, out);
}

static void hmac(const void *key, size_t key_n, const char *text, unsigned char out[32])
{
	unsigned n = 32;
	HMAC(EVP_sha256(), key, (int)key_n, (const unsigned char *)text, strlen(text), out, &n);
}

static const char *env(const char *name)
{
	const char *v = getenv(name);
	return v != NULL ? v : "";
}

/* "http://host:port" into its parts. */
static void endpoint(const char *service, char host[256], char port[8])
{
	const char *url = env("AWS_ENDPOINT_URL");
	if (strncmp(url, "http://", 7) != 0) {
		snprintf(host, 256, "%s.%s.amazonaws.com", service, env("AWS_REGION"));
		snprintf(port, 8, "80");
		return;
	}
	snprintf(host, 256, "%s", url + 7);
	host[strcspn(host, "/")] = '\0';
	char *colon = strchr(host, ':');
	snprintf(port, 8, "%s", colon != NULL ? colon + 1 : "80");
	if (colon != NULL)
		*colon = '\0';
}

static int dial(const char *host, const char *port)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_family = AF_INET}, *list;
	if (getaddrinfo(strcmp(host, "localhost") == 0 ? "127.0.0.1" : host, port, &hints, &list) != 0)
		return -1;
	int fd = socket(list->ai_family, SOCK_STREAM, 0);
	if (fd >= 0 && connect(fd, list->ai_addr, list->ai_addrlen) != 0) {
		close(fd);
		fd = -1;
	}
	freeaddrinfo(list);
	return fd;
}

static void authorization(const char *service, const char *amz_date, const char *canonical, const char *signed_headers, char *out,
                          size_t out_n)
{
	char date[9], scope[128], hash[65], to_sign[512], secret[256], signature[65];
	unsigned char k[32];
	snprintf(date, sizeof date, "%.8s", amz_date);
	snprintf(scope, sizeof scope, "%s/%s/%s/aws4_request", date, env("AWS_REGION"), service);
	sha256_hex(canonical, strlen(canonical), hash);
	snprintf(to_sign, sizeof to_sign, "AWS4-HMAC-SHA256\n%s\n%s\n%s", amz_date, scope, hash);
	snprintf(secret, sizeof secret, "AWS4%s", env("AWS_SECRET_ACCESS_KEY"));
	hmac(secret, strlen(secret), date, k);
	hmac(k, 32, env("AWS_REGION"), k);
	hmac(k, 32, service, k);
	hmac(k, 32, "aws4_request", k);
	hmac(k, 32, to_sign, k);
	hex_of(k, 32, signature);
	snprintf(out, out_n, "AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s", env("AWS_ACCESS_KEY_ID"), scope,
	         signed_headers, signature);
}

static char *make_request(const char *service, const char *target, const char *json_version, const char *host, const char *port,
                          const char *body)
{
	char amz_date[17], hash[65], auth[1024];
	time_t now = time(NULL);
	struct tm tm;
	strftime(amz_date, sizeof amz_date, "%Y%m%dT%H%M%SZ", gmtime_r(&now, &tm));
	sha256_hex(body, strlen(body), hash);
	const char *token = env("AWS_SESSION_TOKEN");
	const char *signed_headers = "content-type;host;x-amz-date;x-amz-security-token;x-amz-target";
	size_t room = strlen(body) + 2 * strlen(token) + 4096;
	char *text = malloc(room);
	snprintf(text, room,
	         "POST\n/\n\ncontent-type:application/x-amz-json-%s\nhost:%s:%s\nx-amz-date:%s\nx-amz-security-token:%s\nx-amz-target:%s\n\n%s\n%s",
	         json_version, host, port, amz_date, token, target, signed_headers, hash);
	authorization(service, amz_date, text, signed_headers, auth, sizeof auth);
	snprintf(text, room,
	         "POST / HTTP/1.1\r\nHost: %s:%s\r\nContent-Type: application/x-amz-json-%s\r\nX-Amz-Date: %s\r\nX-Amz-Security-Token: %s\r\n"
	         "X-Amz-Target: %s\r\nAuthorization: %s\r\nContent-Length: %zu\r\n\r\n%s",
	         host, port, json_version, amz_date, token, target, auth, strlen(body), body);
	return text;
}

/* Read one answer with a Content-Length. */
static int read_answer(int fd, char **answer)
{
	size_t n = 0, cap = 65536, want = 0;
	char *in = malloc(cap), *end = NULL;
	while (end == NULL || n < want) {
		if (n + 1 >= cap)
			in = realloc(in, cap *= 2);
		ssize_t got = read(fd, in + n, cap - n - 1);
		if (got <= 0) {
			free(in);
			return -1;
		}
		n += (size_t)got;
		in[n] = '\0';
		if (end == NULL && (end = strstr(in, "\r\n\r\n")) != NULL) {
			char *length = strcasestr(in, "\r\ncontent-length:");
			want = (size_t)(end - in) + 4 + (length != NULL && length < end ? strtoul(length + 17, NULL, 10) : 0);
			if (want >= cap) {
				size_t at = (size_t)(end - in);
				in = realloc(in, cap = want + 1);
				end = in + at;
			}
		}
	}
	int status = (int)strtol(in + 9, NULL, 10);
	*answer = strdup(strstr(in, "\r\n\r\n") + 4);
	free(in);
	return status;
}

int aws_call_json(const char *service, const char *target, const char *json_version, const char *body, char **answer)
{
	char host[256], port[8];
	endpoint(service, host, port);
	char *request = make_request(service, target, json_version, host, port, body);
	int status = -1;
	for (int try = 0; try < 2 && status < 0; try++) {
		if (connection < 0)
			connection = dial(host, port);
		size_t n = strlen(request);
		if (connection >= 0 && send(connection, request, n, MSG_NOSIGNAL) == (ssize_t)n)
			status = read_answer(connection, answer);
		if (status < 0 && connection >= 0) {
			close(connection);
			connection = -1;
		}
	}
	free(request);
	return status;
}
