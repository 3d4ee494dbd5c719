/* Fuzzes the reading of what storage answers. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "signaling/s3.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char out[S3_UPLOAD_ID_SIZE];
    if (s3_xml_text((const char *)data, size, "UploadId", out, sizeof(out)) == 0 &&
        strlen(out) > size)
        abort();
    if (s3_xml_text((const char *)data, size, "Code", out, 8) == 0 && strlen(out) > 7)
        abort();
    return 0;
}
