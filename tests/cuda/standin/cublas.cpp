// A stand-in for libcublas: the one matrix product that the program asks for, on the CPU.
#include <cstddef>

extern "C" {

bool standin_product();

int cublasCreate_v2(void **handle) { static int it; *handle = &it; return 0; }
int cublasDestroy_v2(void *) { return 0; }
int cublasSetStream_v2(void *, void *) { return 0; }

// c = alpha op(a) op(b) + beta c, all in column-major order, op(a): m x k.
int cublasSgemm_v2(
    void *, int transpose_a, int transpose_b, int m, int n, int k, const float *alpha, const float *a, int lda, const float *b,
    int ldb, const float *beta, float *c, int ldc
) {
    if (!standin_product()) return 0;
    const size_t row_a = transpose_a ? lda : 1, column_a = transpose_a ? 1 : lda;
    const size_t row_b = transpose_b ? ldb : 1, column_b = transpose_b ? 1 : ldb;
    for (int j = 0; j < n; j++) {
        float *column = c + (size_t)j * ldc;
        // Where beta is 0, what lies in c does not count, not even NaN.
        for (int i = 0; i < m; i++) column[i] = *beta == 0 ? 0 : *beta * column[i];
        if (row_a == 1) {
            for (int p = 0; p < k; p++) {
                const float factor = *alpha * b[p * row_b + j * column_b];
                for (int i = 0; i < m; i++) column[i] += factor * a[i + p * column_a];
            }
        } else {
            for (int i = 0; i < m; i++) {
                float sum = 0;
                for (int p = 0; p < k; p++) sum += a[i * row_a + p] * b[p * row_b + j * column_b];
                column[i] += *alpha * sum;
            }
        }
    }
    return 0;
}

}
